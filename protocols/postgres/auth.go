package postgres

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgproto3"

	"gateway"
	"gateway/protocols"
)

// authenticate answers what the server asks until it is content.
func (c *conn) authenticate(ctx context.Context) error {
	a := authentication{conn: c}
	for {
		m, err := c.server.next()
		if err != nil {
			return unexpected(err)
		}
		c.server.drop()
		switch m.kind {
		case 'E':
			return loginError(m.body)
		case 'N', 'v':
			continue
		case 'R':
		default:
			return fmt.Errorf("unexpected message %q", m.kind)
		}
		if len(m.body) < 4 || len(m.body) > maxStartup {
			return errors.New("malformed request for authentication")
		}
		done, err := a.step(ctx, binary.BigEndian.Uint32(m.body), m.body)
		if done || err != nil {
			return err
		}
	}
}

// authentication is how far a login is. A server asks for one thing, once.
type authentication struct {
	*conn
	asked bool
	scram *scram // nil: not begun
	shown bool   // the server has proved itself
}

func (a *authentication) step(ctx context.Context, kind uint32, body []byte) (done bool, err error) {
	switch kind {
	case pgproto3.AuthTypeOk:
		if a.scram != nil && !a.shown {
			return false, errors.New("the server does not prove that it knows the password")
		}
		return true, nil
	case pgproto3.AuthTypeSASLContinue:
		if a.scram == nil || a.scram.signature != nil {
			return false, errors.New("unexpected SASL message")
		}
		b, err := a.scram.answer(ctx, body[4:], a.db.Answer)
		if err != nil {
			return false, err
		}
		return false, a.send(&pgproto3.SASLResponse{Data: b})
	case pgproto3.AuthTypeSASLFinal:
		if a.scram == nil || a.scram.signature == nil || a.shown {
			return false, errors.New("unexpected SASL message")
		}
		a.shown = true
		return false, a.scram.verify(body[4:])
	}
	if a.asked {
		return false, errors.New("the server asks twice who the gateway is")
	}
	a.asked = true
	switch kind {
	case pgproto3.AuthTypeSASL:
		return false, a.sasl(body)
	case pgproto3.AuthTypeMD5Password:
		return false, a.md5(ctx, body[4:])
	case pgproto3.AuthTypeCleartextPassword:
		return false, a.inTheClear(ctx)
	}
	return false, &protocols.LoginError{Kind: protocols.NotSupported,
		Err: fmt.Errorf("the server wants a kind of authentication (%d) that the gateway does not have", kind)}
}

func (a *authentication) sasl(body []byte) error {
	if a.db.Answer == nil {
		return errNoPassword()
	}
	var offer pgproto3.AuthenticationSASL
	if err := offer.Decode(body); err != nil {
		return err
	}
	var state *tls.ConnectionState
	if secured, ok := a.nc.(*tls.Conn); ok {
		s := secured.ConnectionState()
		state = &s
	}
	var err error
	if a.scram, err = newSCRAM(offer.AuthMechanisms, state); err != nil {
		return err
	}
	return a.send(&pgproto3.SASLInitialResponse{AuthMechanism: a.scram.mechanism, Data: a.scram.first()})
}

func errNoPassword() error {
	return &protocols.LoginError{Kind: protocols.PasswordMissing, Err: errors.New("the server wants a password, and the database has none")}
}

func (a *authentication) md5(ctx context.Context, salt []byte) error {
	if a.db.Answer == nil {
		return errNoPassword()
	}
	if len(salt) != 4 {
		return errors.New("malformed request for authentication")
	}
	got, err := a.db.Answer(ctx, protocols.DatabaseChallenge{Salt: append([]byte(nil), salt...)})
	if err != nil {
		return err
	}
	return a.send(&pgproto3.PasswordMessage{Password: string(got.Proof)})
}

// inTheClear sends the password itself, to a server that is surely the right one.
func (a *authentication) inTheClear(ctx context.Context) error {
	if _, secured := a.nc.(*tls.Conn); !secured || a.db.TLS != gateway.TLSVerifyFull {
		return &protocols.LoginError{Kind: protocols.NotSupported,
			Err: errors.New("the server wants the password in the clear, which it gets over TLS of mode verify-full only")}
	}
	switch {
	case a.db.Answer == nil:
		return errNoPassword()
	case a.db.Password == nil:
		return &protocols.LoginError{Kind: protocols.NotSupported, Err: errors.New("the server wants the password in the clear, which --clear-password of dbModify is for")}
	}
	password, err := a.db.Password(ctx)
	if err != nil {
		return err
	}
	defer password.Wipe()
	text := password.Reveal()
	b := append(make([]byte, 0, len(text)+6), 'p') // of its size at once, so that no copy is left
	b = binary.BigEndian.AppendUint32(b, uint32(5+len(text)))
	b = append(append(b, text...), 0)
	defer clear(b)
	_, err = a.nc.Write(b)
	return err
}
