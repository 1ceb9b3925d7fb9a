package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"gateway"
	"gateway/internal/store"
)

// write runs one statement that is a transaction by itself.
func (s *Store) write(ctx context.Context, text string, args ...any) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.exec(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// HostKeys implements store.Store.
func (s *Store) HostKeys(ctx context.Context, account string, target, jump netip.AddrPort) ([]store.HostKey, error) {
	var list []store.HostKey
	err := each(ctx, s.readers, `SELECT type, blob, added FROM host_key WHERE account = ? AND addr = ? AND port = ?
		AND proxy_addr = ? AND proxy_port = ? ORDER BY added, type, blob`,
		[]any{account, addrBytes(target.Addr()), target.Port(), proxyBytes(jump.Addr()), jump.Port()}, func(scan func(...any) error) error {
			k := store.HostKey{Addr: target.Addr().Unmap(), Port: target.Port(), Jump: jump}
			var added int64
			err := scan(&k.Type, &k.Blob, &added)
			k.Added = fromMicro(added)
			list = append(list, k)
			return err
		})
	if err != nil {
		return nil, wrap("read host keys", err)
	}
	return list, nil
}

// AddHostKey implements store.Store.
func (s *Store) AddHostKey(ctx context.Context, account string, k store.HostKey) error {
	_, err := s.write(ctx, `INSERT INTO host_key (account, addr, port, proxy_addr, proxy_port, type, blob, added)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		account, addrBytes(k.Addr), k.Port, proxyBytes(k.Jump.Addr()), k.Jump.Port(), k.Type, k.Blob, micro(k.Added))
	return wrap("add host key", err)
}

// ForgetHostKeys implements store.Store.
func (s *Store) ForgetHostKeys(ctx context.Context, account string, addr netip.Addr, port uint16) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	accounts := map[string]bool{}
	err := each(ctx, &tx{s: s, ctx: ctx}, "DELETE FROM host_key WHERE (?1 = '' OR account = ?1) AND addr = ?2 AND port = ?3 RETURNING account",
		[]any{account, addrBytes(addr), port}, func(scan func(...any) error) error {
			var name string
			err := scan(&name)
			accounts[name] = true
			return err
		})
	return len(accounts), wrap("forget host keys", err)
}

// BeginSession implements store.Store.
func (s *Store) BeginSession(ctx context.Context, x store.Session) error {
	_, err := s.write(ctx, `INSERT INTO session (id, account, realm, type, allowed, from_addr, from_port, via_addr, via_port,
		to_addr, to_port, host_to, login, proxy_addr, proxy_port, proxy_login, plugin, params, comment, started, recording,
		end_code, end_signal, end_comment, end_bytes)
		VALUES (`+marks(21)+`, 0, '', '', 0)`,
		string(x.ID), x.Account, x.Realm, x.Type, x.Allowed,
		addrBytes(x.From.Addr()), x.From.Port(), addrBytes(x.Via.Addr()), x.Via.Port(), addrBytes(x.To.Addr()), x.To.Port(),
		x.HostTo, x.User, addrBytes(x.Proxy.Addr()), x.Proxy.Port(), x.ProxyUser, x.Plugin, x.Params, x.Comment, micro(x.Started), x.Recording)
	if err == nil && x.End != nil {
		return s.EndSession(ctx, x.ID, *x.End)
	}
	return wrap("begin session", err)
}

// EndSession implements store.Store. The first end stands.
func (s *Store) EndSession(ctx context.Context, id gateway.SessionID, e store.End) error {
	n, err := s.write(ctx, `UPDATE session SET end_at = ?, end_code = ?, end_signal = ?, end_comment = ?, end_bytes = ?
		WHERE id = ? AND end_at IS NULL`, micro(e.At), e.Code, e.Signal, e.Comment, e.Bytes, string(id))
	if err == nil && n == 0 {
		err = gateway.ErrConflict
		var known bool
		if e := s.readers.QueryRowContext(ctx, "SELECT count(*) FROM session WHERE id = ?", string(id)).Scan(&known); e != nil {
			err = e
		} else if !known {
			err = gateway.ErrNotFound
		}
	}
	return wrap("end session "+string(id), err)
}

// errEnough ends the reading of a list.
var errEnough = errors.New("enough")

// Sessions implements store.Store.
func (s *Store) Sessions(ctx context.Context, f store.SessionFilter) ([]store.Session, error) {
	where, args := conditions(f)
	if f.Limit <= 0 {
		f.Limit = 100
	}
	var list []store.Session
	params := 0
	err := each(ctx, s.readers, `SELECT id, account, realm, type, allowed, from_addr, from_port, via_addr, via_port,
		to_addr, to_port, host_to, login, proxy_addr, proxy_port, proxy_login, plugin, params, comment, started, recording,
		end_at, end_code, end_signal, end_comment, end_bytes FROM session`+where+
		" ORDER BY started DESC, rowid DESC LIMIT ?", append(args, f.Limit), func(scan func(...any) error) error {
		x, err := scanSession(scan)
		if err != nil {
			return err
		}
		list = append(list, x)
		if params += len(x.Params); f.MaxParams > 0 && params >= f.MaxParams {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	if err != nil {
		return nil, wrap("read sessions", err)
	}
	return list, nil
}

func conditions(f store.SessionFilter) (string, []any) {
	var where []string
	var args []any
	add := func(on bool, condition string, arg any) {
		if on {
			where, args = append(where, condition), append(args, arg)
		}
	}
	add(f.Account != "", "account = ?", f.Account)
	add(f.ID != "", "id = ?", string(f.ID))
	add(f.Type != "", "type = ?", f.Type)
	if f.Allowed != nil {
		add(true, "allowed = ?", *f.Allowed)
	}
	add(!f.After.IsZero(), "started >= ?", micro(f.After))
	add(!f.Before.IsZero(), "started <= ?", micro(f.Before))
	add(f.Addr.IsValid(), "to_addr = ?", addrBytes(f.Addr))
	add(f.Port != 0, "to_port = ?", f.Port)
	add(f.User != "", "login = ?", f.User)
	add(f.Via.IsValid(), "via_addr = ?", addrBytes(f.Via))
	add(f.ViaPort != 0, "via_port = ?", f.ViaPort)
	add(f.Proxy.IsValid(), "proxy_addr = ?", addrBytes(f.Proxy))
	add(f.ProxyPort != 0, "proxy_port = ?", f.ProxyPort)
	add(f.ProxyUser != "", "proxy_login = ?", f.ProxyUser)
	if len(where) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(where, " AND "), args
}

func scanSession(scan func(...any) error) (x store.Session, err error) {
	var from, via, to, proxy []byte
	var fromPort, viaPort, toPort, proxyPort uint16
	var started int64
	var endAt sql.NullInt64
	var e store.End
	err = scan(&x.ID, &x.Account, &x.Realm, &x.Type, &x.Allowed, &from, &fromPort, &via, &viaPort,
		&to, &toPort, &x.HostTo, &x.User, &proxy, &proxyPort, &x.ProxyUser, &x.Plugin, &x.Params, &x.Comment, &started, &x.Recording,
		&endAt, &e.Code, &e.Signal, &e.Comment, &e.Bytes)
	x.From, x.Via = addrPort(from, fromPort), addrPort(via, viaPort)
	x.To, x.Proxy = addrPort(to, toPort), addrPort(proxy, proxyPort)
	x.Started = fromMicro(started)
	if endAt.Valid {
		e.At = fromMicro(endAt.Int64)
		x.End = &e
	}
	return x, err
}

// TouchLogin implements store.Store. A login that is older than the last one
// known changes nothing.
func (s *Store) TouchLogin(ctx context.Context, account string, at time.Time) error {
	var last int64
	err := s.readers.QueryRowContext(ctx, "SELECT last_login FROM account WHERE name = ?", account).Scan(&last)
	if err != nil {
		return wrap(fmt.Sprintf("account %q", account), err)
	}
	if at.Sub(fromMicro(last)) < time.Minute {
		_, err := s.write(ctx, "UPDATE account SET last_login = max(last_login, ?) WHERE name = ?", micro(at), account)
		return wrap("note login", err)
	}
	return s.Update(ctx, func(x store.Tx) error {
		t := x.(*tx)
		changed, err := t.exec("UPDATE account SET last_login = ?1 WHERE name = ?2 AND last_login < ?1", micro(at), account)
		if changed {
			t.accounts[account] = true
		}
		return wrap("note login", err)
	})
}
