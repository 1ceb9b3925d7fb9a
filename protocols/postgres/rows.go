package postgres

import "gateway"

// row records a row of a result, if that is wanted.
func (r *relay) row(head *pending, body []byte) error {
	if r.replies.rows > int64(r.conn.db.Results) || body == nil {
		return nil
	}
	w := &r.replies.writer
	if err := r.replies.flush(); err != nil {
		return err
	}
	columns, rest, err := cut16(body)
	if err != nil {
		return err
	}
	var formats []byte
	if head.kind == 'E' {
		formats = r.replies.portals[head.name].formats
	}
	w.begin(head.n)
	if _, err := w.values("row", rest, columns, formats, gateway.ParametersKept, nil); err != nil {
		return err
	}
	return w.reply("row", true)
}
