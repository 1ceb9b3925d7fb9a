package netconf

import (
	"errors"
	"fmt"
	"strings"

	"gateway"
)

// refusal is an answer of the gateway's own in place of the device's, RFC 6241
// section 4.3 and appendix A.
type refusal struct {
	kind      string // error-type
	tag       string // error-tag
	text      string
	attribute string // bad-attribute
	element   string // bad-element
}

func (r *refusal) Error() string { return r.tag + ": " + r.text }

func refuse(kind, tag, text string) error { return &refusal{kind: kind, tag: tag, text: text} }

func refuseElement(tag, element, format string, args ...any) error {
	return &refusal{kind: "protocol", tag: tag, element: element, text: fmt.Sprintf(format, args...)}
}

// notWellFormed is for a message that was not understood.
func notWellFormed(err error) error {
	text := "it is empty"
	if syntax, ok := errors.AsType[*syntaxError](err); ok {
		text = syntax.text
	}
	return &refusal{kind: "rpc", tag: "malformed-message", text: "this message is not taken: " + text}
}

// denied is for an operation that the access does not allow.
func denied(r gateway.RPC) error {
	text := r.Name
	switch {
	case r.Name == "commit" && r.Datastore == "":
		text = "a commit that is not confirmed, or to confirm what was changed since,"
	case r.Name == "commit":
		text = "a commit that is " + r.Datastore
	case r.Datastore != "":
		text += " of " + r.Datastore
	}
	return refuse("protocol", "access-denied", text+" is not allowed by your access")
}

// maxAttrsEchoed is more than any client has in the tag of an rpc.
const maxAttrsEchoed = 16 << 10

// reply writes the rpc-reply. It has every attribute of the rpc, as RFC 6241
// section 4.2 wants it; m may be what little was understood.
func (r *refusal) reply(m *message, chunked bool) []byte {
	tag := r.tag
	if tag == "malformed-message" && !chunked {
		tag = "operation-failed" // the other is for base:1.1 only
	}
	var b strings.Builder
	element := "rpc-reply"
	if m.prefix != "" {
		element = m.prefix + ":" + element
	}
	attrs := strings.TrimRight(string(m.attrs), " \t\r\n")
	if attrs == "" || len(attrs) > maxAttrsEchoed {
		element = "rpc-reply"
		attrs = ` xmlns="` + baseSpace + `"`
	}
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?>`+"\n<%s%s><rpc-error xmlns=%q>", element, attrs, baseSpace)
	fmt.Fprintf(&b, "<error-type>%s</error-type><error-tag>%s</error-tag><error-severity>error</error-severity>", r.kind, tag)
	b.WriteString(`<error-message xml:lang="en">gateway: `)
	escape(&b, r.text)
	b.WriteString("</error-message>")
	if r.attribute != "" || r.element != "" {
		b.WriteString("<error-info>")
		for _, info := range [][2]string{{"bad-attribute", r.attribute}, {"bad-element", r.element}} {
			if info[1] != "" {
				fmt.Fprintf(&b, "<%s>", info[0])
				escape(&b, info[1])
				fmt.Fprintf(&b, "</%s>", info[0])
			}
		}
		b.WriteString("</error-info>")
	}
	fmt.Fprintf(&b, "</rpc-error></%s>", element)
	return []byte(b.String())
}

// escape writes text as XML.
func escape(b *strings.Builder, s string) {
	// Neither can fail.
	_, _ = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").WriteString(b, s)
}
