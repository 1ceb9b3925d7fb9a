package netconf

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"gateway"
)

// node is one element of a configuration.
type node struct {
	name      name
	operation string // RFC 6241 section 7.2
	text      string // of a leaf
	kids      []*node
}

// parseTree reads a whole message.
func parseTree(message []byte) (*node, error) {
	s, err := newScanner(message)
	if err != nil {
		return nil, err
	}
	root := &node{}
	path := []*node{root}
	for {
		t, ok, err := s.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			return root.kids[0], nil
		}
		top := path[len(path)-1]
		switch t.kind {
		case tokenStart:
			n := &node{name: t.name}
			for _, a := range t.attrs {
				if a.name == (name{baseSpace, "operation"}) {
					n.operation = a.value
				}
			}
			top.kids = append(top.kids, n)
			path = append(path, n)
		case tokenEnd:
			path = path[:len(path)-1]
		case tokenText:
			text, _ := expand(t.raw) // checked by the scanner
			top.text += strings.TrimSpace(text)
		case tokenCDATA:
			top.text += string(t.raw)
		}
	}
}

// find gives the descendant by local names.
func (n *node) find(locals ...string) *node {
	for _, local := range locals {
		if n == nil {
			return nil
		}
		i := slices.IndexFunc(n.kids, func(k *node) bool { return k.name.local == local })
		if i < 0 {
			return nil
		}
		n = n.kids[i]
	}
	return n
}

// match gives the child of n that stands for the same as k. Of several with
// its name it is the one with the same first leaf, as the keys of a list come
// first (RFC 7950 section 7.8.5); the schema is not known here.
func (n *node) match(k *node) *node {
	var same []*node
	for _, other := range n.kids {
		if other.name == k.name {
			same = append(same, other)
		}
	}
	if len(k.kids) == 0 {
		if i := slices.IndexFunc(same, func(o *node) bool { return o.text == k.text }); i >= 0 {
			return same[i]
		}
		return nil
	}
	first := k.kids[0]
	leaf := len(first.kids) == 0
	for _, other := range same {
		if leaf && len(other.kids) > 0 && other.kids[0].name == first.name && other.kids[0].text == first.text {
			return other
		}
	}
	if len(same) == 1 && (!leaf || !keyLike(first.name.local)) {
		return same[0]
	}
	return nil
}

// keyLike reports whether a leaf that comes first is likely to be the key of a list.
func keyLike(local string) bool {
	return slices.Contains([]string{"name", "id", "key", "index", "address", "ip", "prefix"}, local) ||
		strings.HasSuffix(local, "-name") || strings.HasSuffix(local, "-id")
}

// maxLines bounds what is shown of one edit.
const maxLines = 5000

// page writes lines of a diff.
type page struct {
	w     io.Writer
	lines int
	err   error
}

func (p *page) line(mark byte, depth int, format string, args ...any) {
	p.lines++
	switch {
	case p.err != nil:
	case p.lines < maxLines:
		_, p.err = fmt.Fprintf(p.w, "    %c %s%s\n", mark, strings.Repeat("  ", depth), gateway.Printable(fmt.Sprintf(format, args...)))
	case p.lines == maxLines:
		_, p.err = fmt.Fprintln(p.w, "    ... and more")
	}
}

// tag is the start tag of n below an element of the namespace within.
func (n *node) tag(within string) string {
	s := n.name.local
	if n.name.space != within {
		s += fmt.Sprintf(" xmlns=%q", n.name.space)
	}
	if n.operation != "" {
		s += fmt.Sprintf(" operation=%q", n.operation)
	}
	return s
}

// all writes n and what is in it.
func (p *page) all(mark byte, n *node, depth int, within string) {
	switch {
	case p.lines > maxLines:
	case len(n.kids) == 0 && n.text == "":
		p.line(mark, depth, "<%s/>", n.tag(within))
	case len(n.kids) == 0:
		p.line(mark, depth, "<%s>%s</%s>", n.tag(within), n.text, n.name.local)
	default:
		p.line(mark, depth, "<%s>", n.tag(within))
		for _, k := range n.kids {
			p.all(mark, k, depth+1, n.name.space)
		}
		p.line(mark, depth, "</%s>", n.name.local)
	}
}

// diff writes what an edit makes of old, which is nil where nothing was.
func (p *page) diff(old, edit *node, depth int, within string) {
	switch {
	case p.lines > maxLines:
	case edit.operation == "delete" || edit.operation == "remove":
		gone := edit
		if old != nil {
			gone = old
		}
		p.all('-', gone, depth, within)
	case old == nil:
		p.all('+', edit, depth, within)
	case len(edit.kids) == 0 && len(old.kids) == 0 && edit.text == old.text:
		p.all(' ', edit, depth, within)
	case len(edit.kids) == 0 && edit.operation != "replace" && len(old.kids) > 0:
		p.all(' ', edit, depth, within) // an empty container changes nothing
	case len(edit.kids) == 0 || len(old.kids) == 0:
		p.all('-', old, depth, within)
		p.all('+', edit, depth, within)
	default:
		p.line(' ', depth, "<%s>", edit.tag(within))
		var kept []*node
		for _, k := range edit.kids {
			was := old.match(k)
			if was == nil && len(k.kids) == 0 && k.operation == "" {
				was = old.leaf(k.name)
			}
			kept = append(kept, was)
			p.diff(was, k, depth+1, edit.name.space)
		}
		for _, k := range old.kids {
			if edit.operation == "replace" && !slices.Contains(kept, k) {
				p.all('-', k, depth+1, edit.name.space)
			}
		}
		p.line(' ', depth, "</%s>", edit.name.local)
	}
}

// leaf gives the only child of a name, if it is a leaf.
func (n *node) leaf(of name) *node {
	var found *node
	for _, k := range n.kids {
		if k.name == of {
			if found != nil || len(k.kids) > 0 {
				return nil
			}
			found = k
		}
	}
	return found
}
