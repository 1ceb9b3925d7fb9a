package osh_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"gateway"
	"gateway/internal/osh"
)

// fakeClient answers commands from a table and remembers what it was asked.
type fakeClient struct {
	answers map[string]func(request string) osh.Result
	asked   []string
	names   map[string][]string
}

func (c *fakeClient) Run(_ context.Context, command string, request json.RawMessage) (osh.Result, error) {
	c.asked = append(c.asked, command+" "+string(request))
	f, ok := c.answers[command]
	if !ok {
		return osh.Result{}, errors.New("no answer")
	}
	return f(string(request)), nil
}

func (c *fakeClient) Complete(_ context.Context, kind, prefix string) ([]string, error) {
	var found []string
	for _, n := range c.names[kind] {
		if strings.HasPrefix(n, prefix) {
			found = append(found, n)
		}
	}
	return found, nil
}

func answer(r osh.Result) func(string) osh.Result { return func(string) osh.Result { return r } }

// missing answers a request like empty as one without its option, and others with r.
func missing(empty string, r osh.Result) func(string) osh.Result {
	return func(request string) osh.Result {
		if request == empty {
			return osh.Fail(*r.Command, "ERR_MISSING_PARAMETER", "it is missing", nil)
		}
		return r
	}
}

// execute runs a line and returns its output.
func execute(t *testing.T, c osh.Client, in, raw string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	env := osh.Env{In: strings.NewReader(in), Out: &o, Err: &e, Client: c, Account: "bob", Name: "gw", Now: time.Now, InteractiveAllowed: true}
	line, err := osh.ParseLine(raw)
	if err != nil {
		return osh.RefuseLine(env, line, err), o.String(), e.String()
	}
	env.Connect = func(_ context.Context, e *osh.Env, l osh.Line) int {
		io.WriteString(e.Out, "connected to "+l.Host+"\n")
		return 42
	}
	return osh.Execute(t.Context(), env, line), o.String(), e.String()
}

func TestExecuteForms(t *testing.T) {
	c := &fakeClient{answers: map[string]func(string) osh.Result{
		"nc":          answer(osh.OK("nc", "OK", "srv:22 is open.", osh.NCValue{Host: "srv", Port: 22, Result: "open"})),
		"alive":       answer(osh.Fail("alive", "ERR_HOST_NOT_FOUND", "host x can't be \x1b[31mresolved", nil)),
		"groupCreate": answer(osh.Refuse(gateway.RefusalRestricted, "not granted")),
	}}
	for _, test := range []struct {
		raw      string
		code     int
		out, err string
	}{
		{"--osh nc srv 22", 0, "srv:22 is open.\n", ""},
		{"--osh nc srv 22 --json", 0, "srv:22 is open.\n\nJSON_START\n" +
			`{"command":"nc","error_code":"OK","error_message":"srv:22 is open.","value":{"host":"srv","port":22,"result":"open"}}` +
			"\nJSON_END\n", ""},
		{"--osh nc srv 22 --json-greppable --quiet", 0, "\nJSON_OUTPUT=" +
			`{"command":"nc","error_code":"OK","error_message":"srv:22 is open.","value":{"host":"srv","port":22,"result":"open"}}` + "\n", ""},
		{"--osh nc srv 22 --json-pretty --quiet", 0, "\nJSON_START\n{\n   \"command\": \"nc\",\n   \"error_code\": \"OK\",\n" +
			"   \"error_message\": \"srv:22 is open.\",\n   \"value\": {\n      \"host\": \"srv\",\n      \"port\": 22,\n      \"result\": \"open\"\n   }\n}\nJSON_END\n", ""},
		// A failing command keeps its name; the text can't drive a terminal.
		{"--osh alive x --json-greppable", 100, "\nJSON_OUTPUT=" +
			`{"command":"alive","error_code":"ERR_HOST_NOT_FOUND","error_message":"host x can't be \u001b[31mresolved","value":null}` + "\n",
			"host x can't be \\x1b[31mresolved\n"},
		// A refusal before the command ran has none.
		{"--osh groupCreate --json-greppable", 106, "\nJSON_OUTPUT=" +
			`{"command":null,"error_code":"KO_RESTRICTED_COMMAND","error_message":"not granted","value":null}` + "\n",
			"not granted\nAn administrator can grant it: --osh accountGrantCommand bob groupCreate\n"},
		{"--json-greppable --osh nonsense", 104, "\nJSON_OUTPUT=" +
			`{"command":null,"error_code":"KO_UNKNOWN_COMMAND","error_message":"unknown command nonsense","value":null}` + "\n",
			"unknown command nonsense\nThe commands: --osh help\n"},
		{"--osh nc --hots srv --json-greppable", 100, "\nJSON_OUTPUT=" +
			`{"command":"nc","error_code":"ERR_BAD_OPTIONS","error_message":"unknown option --hots (did you mean --host?); --osh nc --help shows the options","value":null}` + "\n",
			"unknown option --hots (did you mean --host?); --osh nc --help shows the options\n"},
		{"--osh info", 100, "", "the command could not be executed\n"}, // the monitor is gone
		{"srv", 42, "connected to srv\n", ""},
	} {
		code, out, errOut := execute(t, c, "", test.raw)
		if code != test.code || out != test.out || errOut != test.err {
			t.Errorf("%s: exit %d, want %d\nout (-want +got):\n%s\nerr (-want +got):\n%s",
				test.raw, code, test.code, cmp.Diff(test.out, out), cmp.Diff(test.err, errOut))
		}
	}
}

func TestNothingAsked(t *testing.T) {
	code, out, errOut := execute(t, &fakeClient{}, "", "--json-greppable")
	if code != 112 || !strings.Contains(out, `"KO_NO_HOST"`) || !strings.Contains(errOut, "Usage:") {
		t.Errorf("exit %d, out %q, err %q", code, out, errOut)
	}
}

// Every command has a help that fits a screen and names its options.
func TestHelpOfEveryCommand(t *testing.T) {
	for _, cmd := range osh.Commands() {
		code, out, _ := execute(t, &fakeClient{}, "", "--osh "+cmd.Name+" --long-help")
		if code != 0 || !strings.Contains(out, cmd.Summary) {
			t.Errorf("help of %s: exit %d, %q", cmd.Name, code, out)
		}
		for _, o := range osh.Options(cmd.New()) {
			if o.Help == "" || !strings.Contains(strings.Join(strings.Fields(out), " "), o.Help) {
				t.Errorf("help of %s does not explain %s", cmd.Name, o.Flag())
			}
		}
		for l := range strings.Lines(out) {
			if utf8.RuneCountInString(l) > 81 && !strings.HasPrefix(l, "  --osh") {
				t.Errorf("help of %s has a line of more than 80 columns: %s", cmd.Name, l)
			}
		}
		for _, e := range cmd.Examples {
			if line, err := osh.ParseLine("--osh " + e); err != nil || line.Command != cmd.Name {
				t.Errorf("example of %s: %q gives %v", cmd.Name, e, err)
			}
		}
		for _, name := range append(cmd.Aliases, cmd.Name) {
			if found, ok := osh.Lookup(name); !ok || found.Name != cmd.Name {
				t.Errorf("Lookup(%q) does not give %s", name, cmd.Name)
			}
		}
	}
}

func TestHelpShowsWhatIsAllowed(t *testing.T) {
	c := &fakeClient{answers: map[string]func(string) osh.Result{
		"help": answer(osh.OK("help", "OK", "OK", osh.HelpValue{Allowed: []string{"help", "nc"}, Documentation: "https://wiki.example.com/gateway"})),
	}}
	code, out, _ := execute(t, c, "", "--osh help --json-greppable")
	if code != 0 || !strings.Contains(out, "  nc ") || strings.Contains(out, "groupCreate") || !strings.Contains(out, `"value":null`) ||
		!strings.Contains(out, "More help: https://wiki.example.com/gateway\n") {
		t.Errorf("help: exit %d, %s", code, out)
	}
	if code, out, _ = execute(t, c, "", "--osh help nc"); code != 0 || !strings.Contains(out, "Usage: --osh nc [--host] HOST") {
		t.Errorf("help nc: exit %d, %s", code, out)
	}
}

// A key may be piped in; nothing after its line is taken.
func TestKeyFromInput(t *testing.T) {
	c := &fakeClient{answers: map[string]func(string) osh.Result{
		"selfAddIngressKey": missing(`{"PublicKey":"","PIV":false}`, osh.OK("selfAddIngressKey", "OK", "added", nil)),
	}}
	if code, _, errOut := execute(t, c, "ssh-ed25519 AAAA me\r\nrest", "--osh selfAddIngressKey"); code != 0 {
		t.Errorf("exit %d, %s", code, errOut)
	}
	if want := `selfAddIngressKey {"PublicKey":"ssh-ed25519 AAAA me","PIV":false}`; c.asked[1] != want {
		t.Errorf("asked %q, want %q", c.asked[1], want)
	}
	if code, out, _ := execute(t, c, "", "--osh selfAddIngressKey --json-greppable"); code != 100 || !strings.Contains(out, "ERR_MISSING_PARAMETER") {
		t.Errorf("without a key: exit %d, %s", code, out)
	}
	if code, _, _ := execute(t, c, strings.Repeat("x", 1<<20), "--osh selfAddIngressKey"); code != 100 {
		t.Errorf("with an endless line: exit %d", code)
	}
}

// Nobody is asked for what would be refused anyway.
func TestRefusedBeforeAsking(t *testing.T) {
	readOnly := answer(osh.Refuse(gateway.RefusalReadOnly, "read-only"))
	c := &fakeClient{answers: map[string]func(string) osh.Result{"selfAddIngressKey": readOnly, "selfDelIngressKey": readOnly}}
	for _, line := range []string{"--osh selfAddIngressKey", "--osh selfDelIngressKey"} {
		if code, _, errOut := execute(t, c, "1\n", line); code != gateway.RefusalReadOnly.Code || errOut != "read-only\n" {
			t.Errorf("%s: exit %d, %s", line, code, errOut)
		}
	}
}

// The key that is chosen by position is removed by fingerprint.
func TestChooseKeyToDelete(t *testing.T) {
	keys := osh.IngressKeysValue{Account: "bob", Keys: []osh.ListedIngressKey{
		{IngressKey: osh.IngressKey{Fingerprint: "SHA256:one"}, ID: 1}, {IngressKey: osh.IngressKey{Fingerprint: "SHA256:two"}, ID: 2},
	}}
	c := &fakeClient{answers: map[string]func(string) osh.Result{
		"selfListIngressKeys": answer(osh.OK("selfListIngressKeys", "OK", "OK", keys)),
		"selfDelIngressKey":   missing(`{"ID":null,"Fingerprint":""}`, osh.OK("selfDelIngressKey", "OK", "removed", nil)),
	}}
	if code, _, errOut := execute(t, c, "2\n", "--osh selfDelIngressKey"); code != 0 || !strings.Contains(errOut, "2. ") {
		t.Errorf("exit %d, %s", code, errOut)
	}
	if last := c.asked[len(c.asked)-1]; !strings.Contains(last, `"Fingerprint":"SHA256:two"`) {
		t.Errorf("asked %q", last)
	}
	if code, _, _ := execute(t, c, "3\n", "--osh selfDelIngressKey"); code != 100 {
		t.Errorf("a choice that is not there: exit %d", code)
	}
}

// The monitor says which sentence it wants, and gets what was typed.
func TestConfirmation(t *testing.T) {
	c := &fakeClient{answers: map[string]func(string) osh.Result{"groupDelete": func(request string) osh.Result {
		if strings.Contains(request, `"Confirm":"Yes, delete it"`) {
			return osh.OK("groupDelete", "OK", "gone", nil)
		}
		return osh.Fail("groupDelete", osh.CodeUnconfirmed, "type: Yes, delete it", nil)
	}}}
	for in, want := range map[string]int{"Yes, delete it\n": 0, "yes\n": 100, "": 100} {
		if code, _, errOut := execute(t, c, in, "--osh groupDelete --group web"); code != want {
			t.Errorf("typed %q: exit %d, want %d (%s)", in, code, want, errOut)
		}
	}
}

// host answers echo requests on one end of a socket pair, as the kernel
// delivers them: twice something else first, then the answer.
func host(t *testing.T, answers int) *os.File {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	far := os.NewFile(uintptr(fds[1]), "far")
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		for {
			n, err := far.Read(buf)
			if err != nil {
				return
			}
			if answers == 0 {
				continue
			}
			answers--
			far.Write([]byte("noise"))
			far.Write(buf[:n]) // the request itself
			buf[0] = 0
			far.Write(append([]byte{0x45, 19: 0}, buf[:n]...)) // as a raw socket shows it
		}
	}()
	t.Cleanup(func() { far.Close(); <-done })
	return os.NewFile(uintptr(fds[0]), "near")
}

// farHost answers on the network of this machine, where distances can be set.
func farHost(t *testing.T) osh.Result {
	t.Helper()
	far, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	near, err := net.Dial("udp4", far.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	socket, err := near.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		for {
			n, from, err := far.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			buf[0] = 0
			far.WriteToUDPAddrPort(buf[:n], from)
		}
	}()
	t.Cleanup(func() { far.Close(); <-done })
	r := osh.OK("mtr", "OK", "", osh.EchoTarget{Host: "srv", Addr: netip.MustParseAddr("192.0.2.7")})
	r.Files = []*os.File{socket}
	return r
}

func TestMTRReport(t *testing.T) {
	t.Parallel()
	c := &fakeClient{answers: map[string]func(string) osh.Result{"mtr": func(string) osh.Result { return farHost(t) }}}
	code, out, errOut := execute(t, c, "", "--osh mtr srv --report -c 1 --json-greppable")
	if code != 0 || !strings.Contains(out, "Route to srv:\nHOP  HOST") || !strings.Contains(out, "  1  192.0.2.7   0.0%     1 ") ||
		!strings.Contains(out, `"value":[{"hop":1,"host":"192.0.2.7","loss_percentage":0,"sent":1,"last":`) {
		t.Errorf("exit %d, %s%s", code, out, errOut)
	}
}

func TestPing(t *testing.T) {
	c := &fakeClient{answers: map[string]func(string) osh.Result{
		"ping": func(string) osh.Result {
			r := osh.OK("ping", "OK", "OK", osh.EchoTarget{Host: "srv"})
			r.Files = []*os.File{host(t, 1)}
			return r
		},
		"alive": func(string) osh.Result {
			r := osh.OK("alive", "OK", "OK", osh.EchoTarget{Host: "srv"})
			r.Files = []*os.File{host(t, 1)}
			return r
		},
	}}
	code, out, errOut := execute(t, c, "", "--osh ping srv -c 1 --json-greppable -s 32")
	if code != 0 || !strings.Contains(out, `"packets_received":"1","packets_transmitted":"1"`) || !strings.Contains(out, `"sysret":0`) {
		t.Errorf("ping: exit %d, %s%s", code, out, errOut)
	}
	code, out, errOut = execute(t, c, "", "--osh alive srv --json-greppable")
	if code != 0 || !strings.Contains(out, `"waited_for":0`) {
		t.Errorf("alive: exit %d, %s%s", code, out, errOut)
	}
}
