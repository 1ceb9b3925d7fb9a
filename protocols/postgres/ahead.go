package postgres

import "net"

// ahead is a connection under TLS. In bulk it reads more at a time than TLS asks
// for, which is two records of 8 KiB, as PostgreSQL makes them. And it knows when
// a read may wait, which TLS tells nobody.
type ahead struct {
	net.Conn
	// before is called ahead of each read that may wait. nil: nothing is to be done.
	before func() error

	bulk bool // the last read got all that it had room for
	buf  []byte
	at   int // buf[at:end] was read ahead
	end  int
}

// longRead is what makes a read a long one.
const longRead = 4 << 10

// Read implements net.Conn.
func (a *ahead) Read(p []byte) (int, error) {
	if a.at == a.end {
		if a.before != nil {
			if err := a.before(); err != nil {
				return 0, err
			}
		}
		if !a.bulk {
			a.buf = nil
			n, err := a.Conn.Read(p)
			a.bulk = n == len(p) && n > longRead
			return n, err
		}
		if a.buf == nil {
			a.buf = make([]byte, blockSize)
		}
		n, err := a.Conn.Read(a.buf)
		if n == 0 {
			return 0, err
		}
		a.at, a.end, a.bulk = 0, n, n > longRead // the next read gives the error again
	}
	n := copy(p, a.buf[a.at:a.end])
	a.at += n
	return n, nil
}
