package netconf

import (
	"bytes"
	"crypto/ed25519"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gateway/recorder"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const interfaces = `<interfaces xmlns="urn:x"><interface><name>eth0</name><mtu>1500</mtu><ip>192.0.2.1</ip><ip>192.0.2.2</ip></interface>` +
	`<interface><name>eth1</name><mtu>1500</mtu></interface></interfaces><system xmlns="urn:y"><contact>alice</contact></system>`

// TestList shows a session again from what was recorded.
func TestList(t *testing.T) {
	var file bytes.Buffer
	w, err := recorder.NewWriter(&file, recorder.Header{Session: "000000000000000000000001", Account: "alice", Start: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	s := startTaped(t, "read,edit,commit", true, w)
	edit := func(config string) string {
		return "<edit-config><target><candidate/></target><config>" + config + "</config></edit-config>"
	}
	for id, step := range []struct{ ask, answer string }{
		{"<get-config><source><running/></source></get-config>", "<data>" + interfaces + "</data>"},
		{edit(`<interfaces xmlns="urn:x"><interface><name>eth0</name><mtu>9000</mtu><ip>192.0.2.3</ip></interface><interface><name>eth2</name><mtu>1280</mtu></interface></interfaces>`), "<ok/>"},
		{edit(`<interfaces xmlns="urn:x"><interface xmlns:nc="` + baseSpace + `" nc:operation="delete"><name>eth1</name></interface></interfaces>`), "<ok/>"},
		{edit(`<system xmlns="urn:y"><contact>bob\u202e</contact></system><banner xmlns="urn:z">a<![CDATA[<b>]]></banner>`), "<rpc-error><error-type>protocol</error-type><error-tag>lock-denied</error-tag><error-severity>error</error-severity><error-message>no &amp; no</error-message></rpc-error>"},
		{"<commit/>", "<ok/>"},
		{strings.ReplaceAll(evil, "\n", ""), ""},
		{"<get/><get/>", ""},
		{"<discard-changes/>", ""},
	} {
		name := string(rune('1' + id))
		s.send(s.framed(rpc(name, step.ask)))
		s.send(" ")
		if step.answer != "" {
			s.answer(s.framed(strings.ReplaceAll(strings.ReplaceAll(okReply, `"1"`, `"`+name+`"`), "<ok/>", step.answer)))
		}
	}
	s.finish()
	if _, err := w.Seal(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), recorder.End{}); err != nil {
		t.Fatal(err)
	}
	r, err := recorder.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := List(&got, r); err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`ok, [0-9.]+ ms`).ReplaceAllString(got.String(), "ok, N ms")
	if *update {
		if err := os.WriteFile("testdata/list.golden", []byte(shown), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/list.golden")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), shown); diff != "" {
		t.Error(diff)
	}
}
