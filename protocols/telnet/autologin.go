package telnet

import (
	"context"
	"errors"
	"net"

	"gateway"
	"gateway/protocols"
)

func autologin(ctx context.Context, nc net.Conn, r gateway.Request, l protocols.Lease) (*conn, error) {
	nc.Close()
	return nil, &protocols.LoginError{Kind: protocols.NotSupported, Err: errors.New("no passwords over telnet yet")}
}
