package netconf

import (
	"bytes"
	"strings"
)

// Start tags and end tags, with the namespaces that they declare.

// The namespaces that no prefix may be bound to.
const (
	xmlSpace   = "http://www.w3.org/XML/1998/namespace"
	xmlnsSpace = "http://www.w3.org/2000/xmlns/"
)

// qname reads PREFIX:LOCAL or LOCAL.
func (s *scanner) qname() (prefix, local string, err error) {
	from := s.pos
	for s.pos < len(s.b) && nameByte(s.b[s.pos]) {
		s.pos++
	}
	if s.pos == len(s.b) {
		return "", "", s.early()
	}
	raw := string(s.b[from:s.pos])
	if len(raw) > maxName {
		return "", "", malformed("a name in it is too long")
	}
	prefix, local, has := strings.Cut(raw, ":")
	if !has {
		prefix, local = "", raw
	}
	if !ncName(local) || has && !ncName(prefix) {
		return "", "", malformed("it has a name that is not valid")
	}
	return prefix, local, nil
}

func nameByte(c byte) bool {
	return letter(c) || c >= '0' && c <= '9' || c == '-' || c == '.' || c == ':'
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

func ncName(s string) bool { return s != "" && letter(s[0]) && !strings.Contains(s, ":") }

// written is an attribute as it stands in the tag.
type written struct {
	prefix, local string
	raw           []byte
}

func (s *scanner) startTag() (token, error) {
	t := token{kind: tokenStart, from: s.pos}
	s.pos++
	var err error
	if t.prefix, t.name.local, err = s.qname(); err != nil {
		return t, err
	}
	if len(s.open) == maxDepth {
		return t, malformed("its elements are nested too deeply")
	}
	attrsFrom := s.pos
	list, err := s.attributes()
	if err != nil {
		return t, err
	}
	t.raw = s.b[attrsFrom:s.pos]
	if s.b[s.pos] == '/' {
		s.empty = true
		s.pos++
	}
	s.pos++
	s.marks = append(s.marks, len(s.bindings))
	if err := s.bind(list); err != nil {
		return t, err
	}
	if t.name.space, err = s.space(t.prefix); err != nil {
		return t, err
	}
	if t.attrs, err = s.expandAttrs(list); err != nil {
		return t, err
	}
	qname := t.name.local
	if t.prefix != "" {
		qname = t.prefix + ":" + qname
	}
	s.open, s.names = append(s.open, qname), append(s.names, t.name)
	return t, nil
}

// attributes reads up to > or />, and leaves that.
func (s *scanner) attributes() ([]written, error) {
	var list []written
	for {
		apart := s.skipBlanks()
		if s.pos == len(s.b) {
			return nil, s.early()
		}
		switch {
		case s.b[s.pos] == '>':
			return list, nil
		case s.has("/>"):
			return list, nil
		case s.b[s.pos] == '/' && s.pos+1 == len(s.b):
			return nil, s.early()
		case !apart:
			return nil, malformed("a tag in it is not valid")
		case len(list) == maxAttrs:
			return nil, malformed("an element in it has too many attributes")
		}
		a, err := s.attribute()
		if err != nil {
			return nil, err
		}
		for _, other := range list {
			if other.prefix == a.prefix && other.local == a.local {
				return nil, malformed("an element in it has an attribute twice")
			}
		}
		list = append(list, a)
	}
}

// attribute reads NAME="VALUE", XML section 3.1.
func (s *scanner) attribute() (a written, err error) {
	if a.prefix, a.local, err = s.qname(); err != nil {
		return a, err
	}
	s.skipBlanks()
	if s.pos == len(s.b) {
		return a, s.early()
	}
	if s.b[s.pos] != '=' {
		return a, malformed("an attribute in it has no value")
	}
	s.pos++
	s.skipBlanks()
	if s.pos == len(s.b) {
		return a, s.early()
	}
	quote := s.b[s.pos]
	if quote != '"' && quote != '\'' {
		return a, malformed("the value of an attribute in it is not quoted")
	}
	s.pos++
	end := bytes.IndexByte(s.b[s.pos:], quote)
	if end < 0 {
		return a, s.early()
	}
	a.raw = s.b[s.pos : s.pos+end]
	s.pos += end + 1
	if end > maxValue {
		return a, malformed("the value of an attribute in it is too long")
	}
	if bytes.IndexByte(a.raw, '<') >= 0 {
		return a, malformed("it has < in the value of an attribute")
	}
	return a, nil
}

// bind takes the namespaces that a tag declares, Namespaces in XML 1.0 section 3.
func (s *scanner) bind(list []written) error {
	for _, a := range list {
		prefix := a.local
		switch {
		case a.prefix == "xmlns":
		case a.prefix == "" && a.local == "xmlns":
			prefix = ""
		default:
			continue
		}
		space := string(a.raw)
		switch {
		case prefix == "xml" || prefix == "xmlns" || space == xmlSpace || space == xmlnsSpace:
			return malformed("it declares a namespace that is reserved")
		case space == "" && prefix != "":
			return malformed("it takes the declaration of a namespace back")
		case len(space) > maxName || strings.ContainsAny(space, "& \t\r\n{}"):
			return malformed("it has a namespace with blanks, references or braces, or a long one")
		case len(s.bindings) == maxBindings:
			return malformed("it declares too many namespaces")
		}
		for _, c := range []byte(space) {
			if c >= 0x7f {
				return malformed("it has a namespace that is not ASCII")
			}
		}
		s.bindings = append(s.bindings, binding{prefix, space})
	}
	return nil
}

// space resolves a prefix.
func (s *scanner) space(prefix string) (string, error) {
	if prefix == "xml" {
		return xmlSpace, nil
	}
	for i := len(s.bindings) - 1; i >= 0; i-- {
		if s.bindings[i].prefix == prefix {
			return s.bindings[i].space, nil
		}
	}
	if prefix != "" {
		return "", malformed("it uses a prefix that is not declared")
	}
	return "", nil
}

func (s *scanner) expandAttrs(list []written) ([]attr, error) {
	var attrs []attr
	for _, a := range list {
		value, err := expand(a.raw)
		if err != nil {
			return nil, err
		}
		if a.prefix == "xmlns" || a.prefix == "" && a.local == "xmlns" {
			continue
		}
		n := name{local: a.local}
		if a.prefix != "" { // the default namespace is not for attributes
			if n.space, err = s.space(a.prefix); err != nil {
				return nil, err
			}
		}
		for _, other := range attrs {
			if other.name == n {
				return nil, malformed("an element in it has an attribute twice")
			}
		}
		attrs = append(attrs, attr{n, value})
	}
	return attrs, nil
}

func (s *scanner) endTag() (token, error) {
	from := s.pos
	end := bytes.IndexByte(s.b[s.pos:], '>')
	if end < 0 {
		return token{}, s.early()
	}
	qname := strings.TrimRight(string(s.b[s.pos+2:s.pos+end]), " \t\r\n")
	if len(s.open) == 0 || s.open[len(s.open)-1] != qname {
		return token{}, malformed("an end tag in it has no start tag")
	}
	s.pos += end + 1
	t := s.pop()
	t.from = from
	return t, nil
}

// pop ends the innermost element.
func (s *scanner) pop() token {
	last := len(s.open) - 1
	t := token{kind: tokenEnd, name: s.names[last], from: s.pos}
	s.bindings = s.bindings[:s.marks[last]]
	s.open, s.names, s.marks = s.open[:last], s.names[:last], s.marks[:last]
	s.done = last == 0
	return t
}
