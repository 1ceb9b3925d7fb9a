package netconf

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gateway"
)

// The namespace of NETCONF itself, and the capabilities that decide the framing.
const (
	baseSpace = "urn:ietf:params:xml:ns:netconf:base:1.0"
	base10    = "urn:ietf:params:netconf:base:1.0"
	base11    = "urn:ietf:params:netconf:base:1.1"
)

// maxMessageID is the limit of RFC 6241's schema.
const maxMessageID = 4095

// standard gives the operations that rights name without their namespace.
func standard(n name) (string, bool) {
	spaces := map[string]string{
		"get-schema":          "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring",
		"create-subscription": "urn:ietf:params:xml:ns:netconf:notification:1.0",
		"partial-lock":        "urn:ietf:params:xml:ns:netconf:partial-lock:1.0",
		"partial-unlock":      "urn:ietf:params:xml:ns:netconf:partial-lock:1.0",
		"get-data":            "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda",
		"edit-data":           "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda",
		"action":              "urn:ietf:params:xml:ns:yang:1",
	}
	space, ok := spaces[n.local]
	if !ok {
		space = baseSpace
	}
	return n.local, n.space == space
}

// parameters are what decides about an operation: each is taken once, in the
// namespace of NETCONF and nowhere else.
func parameters(operation string) []string {
	switch operation {
	case "get-config":
		return []string{"source"}
	case "edit-config":
		return []string{"target", "url"}
	case "copy-config":
		return []string{"target", "source"}
	case "delete-config", "lock", "unlock":
		return []string{"target"}
	case "validate":
		return []string{"source"}
	case "commit":
		return []string{"confirmed", "confirm-timeout", "persist", "persist-id"}
	}
	return nil
}

// subject is the parameter that names the datastore of an operation.
func subject(operation string) string {
	list := parameters(operation)
	if len(list) == 0 || operation == "commit" {
		return ""
	}
	return list[0]
}

// message is what one message of a client asks for.
type message struct {
	hello     bool
	versions  versions // of a hello
	id        string   // message-id
	hasID     bool
	prefix    string // of rpc, and its attributes, for the reply
	attrs     []byte
	operation string
	ask       []gateway.RPC // what must be allowed
	params    map[string]string
	config    []byte // the content of edit-config's config, or of a filter
	store     string
	confirm   time.Duration // of a confirmed commit
}

// versions are those of base that a hello offers.
type versions struct{ v10, v11 bool }

// maxConfirm bounds the seconds of a confirmed commit; RFC 6241 has 32 bits.
const maxConfirm = 1<<32 - 1

// parse reads one message of a client. Its error is a *refusal; what was
// understood until then is returned too.
func parse(b []byte) (*message, error) {
	m := &message{params: map[string]string{}}
	if bytes.Contains(b, []byte(endOfMessage)) {
		return m, notWellFormed(malformed("it has %s in it", endOfMessage))
	}
	s, err := newScanner(b)
	if err != nil {
		return m, notWellFormed(err)
	}
	root, ok, err := s.next()
	if err != nil || !ok {
		return m, notWellFormed(err)
	}
	switch root.name {
	case name{baseSpace, "hello"}:
		m.hello = true
		err = m.readHello(s)
	case name{baseSpace, "rpc"}:
		err = m.readRPC(s, root)
	default:
		return m, notWellFormed(malformed("it is neither rpc nor hello in the namespace %s", baseSpace))
	}
	if _, isRefusal := err.(*refusal); err != nil && !isRefusal {
		err = notWellFormed(err)
	}
	return m, err
}

// readHello reads the capabilities, RFC 6241 section 8.1.
func (m *message) readHello(s *scanner) error {
	var text strings.Builder
	plain, within := true, false
	for {
		t, ok, err := s.next()
		if err != nil || !ok {
			return err
		}
		switch {
		case t.kind == tokenStart:
			within = t.name == name{baseSpace, "capability"} && s.depth() == 3
			plain = plain && (within || s.depth() < 3)
			text.Reset()
		case t.kind == tokenText:
			shown, _ := expand(t.raw) // checked by the scanner
			text.WriteString(shown)
			plain = plain && (bytes.IndexByte(t.raw, '&') < 0 || !strings.Contains(text.String(), "netconf:base"))
		case t.kind == tokenCDATA:
			plain = false
		case t.kind == tokenEnd && within:
			within = false
			capability := strings.TrimSpace(text.String())
			m.versions.v10 = m.versions.v10 || capability == base10
			m.versions.v11 = m.versions.v11 || capability == base11
		}
		if !plain {
			return malformed("a capability in its hello is not written plainly")
		}
	}
}

// readRPC reads <rpc> up to its end: one operation, its parameters, and
// nothing that could be taken for another.
func (m *message) readRPC(s *scanner, root token) error {
	m.prefix, m.attrs = root.prefix, root.raw
	for _, a := range root.attrs {
		if a.name == (name{"", "message-id"}) {
			m.id, m.hasID = a.value, true
		}
	}
	var op *token
	for {
		t, ok, err := s.next()
		switch {
		case err != nil:
			return err
		case !ok && op == nil:
			return refuse("protocol", "missing-element", "there is no operation in the rpc")
		case !ok:
			return m.decide()
		case t.kind == tokenEnd:
			continue
		case t.kind != tokenStart:
			if len(bytes.TrimSpace(t.raw)) > 0 || t.kind == tokenCDATA {
				return malformed("it has text beside its operation")
			}
			continue
		case op != nil:
			return malformed("it has more than one operation")
		}
		if err := nested(t.name); err != nil {
			return err
		}
		op = &t
		if err := m.readOperation(s, t.name); err != nil {
			return err
		}
	}
}

// readOperation reads the children of the operation, to its end tag.
func (m *message) readOperation(s *scanner, n name) error {
	local, known := standard(n)
	m.operation = local
	if !known {
		m.operation = "{" + n.space + "}" + local
	}
	var params []string
	if n.space == baseSpace {
		params = parameters(local)
	}
	for {
		t, ok, err := s.next()
		switch {
		case err != nil || !ok:
			return err
		case t.kind == tokenEnd:
			return nil
		case t.kind != tokenStart:
			if params != nil && (t.kind == tokenCDATA || len(bytes.TrimSpace(t.raw)) > 0) {
				return malformed("it has text beside the parameters of %s", m.operation)
			}
			continue
		}
		if err := m.readParameter(s, t, params); err != nil {
			return err
		}
	}
}

// readParameter reads one child of the operation.
func (m *message) readParameter(s *scanner, t token, params []string) error {
	if err := nested(t.name); err != nil {
		return err
	}
	local := t.name.local
	if !slices.ContainsFunc(params, func(p string) bool { return strings.EqualFold(p, local) }) {
		content, err := skip(s)
		if local == "filter" || local == "config" { // also without a namespace, as many clients write it
			m.config = content
		}
		return err
	}
	if _, twice := m.params[local]; twice || !slices.Contains(params, local) || t.name.space != baseSpace {
		return refuseElement("bad-element", local, "%s is there twice, or is not what NETCONF defines", local)
	}
	if local == "source" || local == "target" {
		store, err := readStore(s)
		m.params[local] = store
		return err
	}
	content, err := skip(s)
	m.params[local] = string(content)
	return err
}

// nested refuses an rpc inside of an rpc, also one without a namespace.
func nested(n name) error {
	if n.local == "rpc" && (n.space == baseSpace || n.space == "") {
		return malformed("it has an rpc inside of an rpc")
	}
	return nil
}

// skip reads to the end of the element that was begun and gives what is in it.
func skip(s *scanner) ([]byte, error) {
	depth, from := s.depth(), s.pos
	for {
		t, ok, err := s.next()
		switch {
		case err != nil || !ok:
			return nil, err
		case t.kind == tokenStart:
			if err := nested(t.name); err != nil {
				return nil, err
			}
		case t.kind == tokenEnd && s.depth() < depth:
			return s.b[from:max(from, t.from)], nil
		}
	}
}

// readStore reads the one element in source or target, to the end of that.
func readStore(s *scanner) (string, error) {
	store, depth := "", s.depth()
	for {
		t, ok, err := s.next()
		switch {
		case err != nil || !ok:
			return "", err
		case t.kind == tokenEnd && s.depth() < depth:
			if store == "" {
				return "", refuseElement("missing-element", "", "no datastore is named")
			}
			return store, nil
		case t.kind == tokenStart:
			if store != "" {
				return "", refuseElement("bad-element", t.name.local, "more than one datastore is named")
			}
			store = t.name.local
			if t.name.space != baseSpace {
				store = "{" + t.name.space + "}" + store
			}
			if _, err := skip(s); err != nil {
				return "", err
			}
		case t.kind == tokenCDATA || len(bytes.TrimSpace(t.raw)) > 0:
			return "", malformed("it has text beside a datastore")
		}
	}
}

// decide says what must be allowed for the operation.
func (m *message) decide() error {
	of := subject(m.operation)
	m.store = m.params[of]
	switch {
	case !m.hasID:
		return &refusal{kind: "rpc", tag: "missing-attribute", text: "the rpc has no message-id", attribute: "message-id", element: "rpc"}
	case len(m.id) > maxMessageID:
		return &refusal{kind: "rpc", tag: "bad-attribute", text: "the message-id is too long", attribute: "message-id", element: "rpc"}
	case of != "" && m.store == "":
		return refuseElement("missing-element", of, "%s needs %s", m.operation, of)
	case m.operation == "commit":
		return m.decideCommit()
	}
	m.ask = []gateway.RPC{{Name: m.operation, Datastore: m.store}}
	if _, byURL := m.params["url"]; byURL || m.params["source"] == "url" && of != "source" {
		m.ask = append(m.ask, gateway.RPC{Name: m.operation, Datastore: "url"})
	}
	return nil
}

// decideCommit tells the forms of commit apart, RFC 6241 section 8.4.
func (m *message) decideCommit() error {
	_, confirmed := m.params["confirmed"]
	if confirmed {
		seconds := uint64(gateway.DefaultConfirm)
		if text, ok := m.params["confirm-timeout"]; ok {
			var err error
			if seconds, err = strconv.ParseUint(strings.TrimSpace(text), 10, 64); err != nil || seconds == 0 || seconds > maxConfirm {
				return refuseElement("invalid-value", "confirm-timeout", "confirm-timeout is a number of seconds")
			}
		}
		m.confirm = time.Duration(seconds) * time.Second
		m.store = fmt.Sprintf("%s-%d", gateway.CommitConfirmed, seconds)
	}
	m.ask = []gateway.RPC{{Name: "commit", Datastore: m.store}}
	return nil
}
