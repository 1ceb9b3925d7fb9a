package sqlite

import (
	"context"

	"gateway"
)

// Maintenance implements store.Store.
func (s *Store) Maintenance(ctx context.Context) (*gateway.Maintenance, error) {
	m, err := readMaintenance(ctx, s.readers)
	return m, wrap("read maintenance mode", err)
}

func readMaintenance(ctx context.Context, q querier) (m *gateway.Maintenance, err error) {
	err = each(ctx, q, "SELECT by, message, at FROM maintenance", nil, func(scan func(...any) error) error {
		m = new(gateway.Maintenance)
		var at int64
		err := scan(&m.By, &m.Message, &at)
		m.At = fromMicro(at)
		return err
	})
	return m, err
}

// SetMaintenance implements store.Tx.
func (t *tx) SetMaintenance(m *gateway.Maintenance) error {
	_, err := t.exec("DELETE FROM maintenance")
	if err == nil && m != nil {
		_, err = t.exec("INSERT INTO maintenance (id, by, message, at) VALUES (1, ?, ?, ?)", m.By, m.Message, micro(m.At))
	}
	t.maintenance = true
	return wrap("set maintenance mode", err)
}
