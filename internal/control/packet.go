package control

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

type message struct {
	kind  byte
	op    Op
	id    uint32
	body  []byte
	files []*os.File
}

var errEnd = errors.New("peer closed the control socket")

// read returns the next whole message. A request or notification has passed
// h's Admit.
func (c *Conn) read(h Handler) (message, error) {
	var m message
	if c.in == nil {
		c.in = make([]byte, maxPacket)
		c.oob = make([]byte, unix.CmsgSpace(4*maxFiles))
	}
	for first := true; ; first = false {
		n, oobn, flags, _, err := c.uc.ReadMsgUnix(c.in, c.oob)
		// Descriptors come even with an empty packet, which reads like the end.
		files, filesErr := parseFiles(c.oob[:oobn])
		m.files = append(m.files, files...)
		switch {
		case errors.Is(err, io.EOF) || err == nil && n == 0:
			return m, m.discard(errEnd)
		case err != nil:
			return m, m.discard(fmt.Errorf("read control message: %w", err))
		case filesErr != nil || flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
			return m, m.discard(&ViolationError{What: "truncated packet"})
		}
		more, err := m.add(c.in[:n], first, h == nil)
		clear(c.in[:n]) // it may be a password
		if err != nil {
			return m, m.discard(err)
		}
		if first && (m.kind == kindReply || m.kind == kindError) && !c.asked(m.id) {
			return m, m.discard(&ViolationError{Op: m.op, What: "answer to nothing"})
		}
		if !first && len(files) > 0 {
			return m, m.discard(&ViolationError{Op: m.op, What: "descriptors in a later packet"})
		}
		if more {
			continue
		}
		if h != nil && (m.kind == kindRequest || m.kind == kindNotify) {
			if err := h.Admit(m.op, len(m.body)); err != nil {
				return m, m.discard(err)
			}
		}
		return m, nil
	}
}

// add takes one packet into m and says whether more are to come.
func (m *message) add(p []byte, first, noHandler bool) (bool, error) {
	if len(p) < headerSize {
		return false, &ViolationError{What: "short packet"}
	}
	kind, flags := p[0], p[1]
	op, id := Op(binary.BigEndian.Uint16(p[2:])), binary.BigEndian.Uint32(p[4:])
	if kind < kindRequest || kind > kindNotify || flags&^flagMore != 0 {
		return false, &ViolationError{Op: op, What: "malformed packet"}
	}
	if first {
		m.kind, m.op, m.id = kind, op, id
	} else if m.kind != kind || m.op != op || m.id != id {
		return false, &ViolationError{Op: op, What: "interleaved message"}
	}
	limit := maxMessage
	if kind == kindRequest || kind == kindNotify {
		limit = large
		if noHandler {
			limit = medium
		}
	}
	if len(m.body)+len(p)-headerSize > limit {
		return false, &ViolationError{Op: op, What: "too large"}
	}
	m.body = append(m.body, p[headerSize:]...)
	return flags&flagMore != 0, nil
}

// discard closes what m brought and passes err on.
func (m *message) discard(err error) error {
	CloseFiles(m.files)
	m.files = nil
	return err
}

func parseFiles(oob []byte) ([]*os.File, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for i := range msgs {
		fds, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			continue // not descriptors; nothing to close
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	return files, nil
}

// CloseFiles closes descriptors that came with a message.
func CloseFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// Decode reads a JSON body strictly: no unknown field, nothing after the value.
func Decode(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return &ViolationError{What: "malformed body"}
	}
	if _, err := d.Token(); err != io.EOF {
		return &ViolationError{What: "bytes after the body"}
	}
	return nil
}
