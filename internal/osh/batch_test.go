package osh_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gateway/internal/osh"
)

func batchClient() *fakeClient {
	return &fakeClient{answers: map[string]func(string) osh.Result{
		"batch":       answer(osh.OK("batch", "OK", "OK", nil)),
		"nc":          answer(osh.OK("nc", "OK", "open.", osh.NCValue{Host: "srv", Port: 22, Result: "open"})),
		"groupDelete": answer(osh.Fail("groupDelete", osh.CodeUnconfirmed, "type: yes", nil)),
	}}
}

func TestBatch(t *testing.T) {
	code, out, errOut := execute(t, batchClient(), "nc srv 22\n\n  groupDelete --group web\nyes\nbatch\nnc --help\nquit\nnc srv 23\n", "--osh batch -q --json-greppable")
	want := `[{"command":"nc srv 22","result":{"error_code":"OK","error_message":"open.","value":{"host":"srv","port":22,"result":"open"}}},` +
		`{"command":"groupDelete --group web","result":{"error_code":"ERR_OPERATOR_IS_DRUNK","error_message":"That was not the sentence: nothing was changed.","value":null}},` +
		`{"command":"yes","result":{"error_code":"KO_UNKNOWN_COMMAND","error_message":"unknown command yes","value":null}},` +
		`{"command":"batch","result":{"error_code":"KO_OPTIONS_ERROR","error_message":"a batch can't be part of a batch","value":null}},` +
		`{"command":"nc --help","result":{"error_code":"OK","error_message":"OK","value":null}}]`
	if code != 0 || !strings.Contains(out, `"5 commands were run, 3 of them failed."`) {
		t.Errorf("exit %d, out %q, err %q", code, out, errOut)
	}
	if _, value, _ := strings.Cut(out, `"value":`); cmp.Diff(want+"}\n", value) != "" {
		t.Errorf("value (-want +got):\n%s", cmp.Diff(want+"}\n", value))
	}
}

// What a batch is made of does not grow without end.
func TestBatchIsBounded(t *testing.T) {
	c := batchClient()
	c.answers["nc"] = answer(osh.OK("nc", "OK", "open.", strings.Repeat("x", 1<<20)))
	for name, in := range map[string]string{
		"results": strings.Repeat("nc srv 22\n", 100),
		"lines":   strings.Repeat("ncc\n", 20_000),
		"a line":  "nc srv 22\n" + strings.Repeat("x", 1<<20),
	} {
		code, out, _ := execute(t, c, in, "--osh batch -q --json-greppable")
		if code != 100 || !strings.Contains(out, `"ERR_INVALID_PARAMETER"`) || len(out) > 20<<20 {
			t.Errorf("%s: exit %d, %d bytes of output", name, code, len(out))
		}
	}
}

// sudoClient remembers who it acted as.
type sudoClient struct {
	*fakeClient
	as string
}

func (c sudoClient) As(account string) osh.Client { return sudoClient{c.fakeClient, account} }

func (c sudoClient) Run(ctx context.Context, command string, request json.RawMessage) (osh.Result, error) {
	if c.as != "" {
		c.asked = append(c.asked, "as "+c.as)
	}
	return c.fakeClient.Run(ctx, command, request)
}

func TestAdminSudoRunsTheCommandAsTheOther(t *testing.T) {
	c := batchClient()
	c.answers["adminSudo"] = answer(osh.OK("adminSudo", "OK", "OK", nil))
	code, out, errOut := execute(t, sudoClient{c, ""}, "", "--osh adminSudo --json-greppable -- --sudo-as bob --sudo-cmd nc -- 'a b' 22")
	if code != 0 {
		t.Errorf("exit %d, err %q", code, errOut)
	}
	if d := cmp.Diff([]string{
		`adminSudo {"SudoAs":"bob","SudoCmd":"nc","Params":["a b","22"]}`, "as bob", `nc {"Host":"a b","Port":"22","Timeout":0}`,
	}, c.asked); d != "" {
		t.Errorf("asked (-want +got):\n%s", d)
	}
	inner := `JSON_OUTPUT={"command":"nc","error_code":"OK","error_message":"open.","value":{"host":"srv","port":22,"result":"open"}}`
	quoted, _ := json.Marshal(inner)
	want := "open.\n\n" + inner + "\nnc was run as bob.\n\n" +
		fmt.Sprintf(`JSON_OUTPUT={"command":"adminSudo","error_code":"OK","error_message":"nc was run as bob.",`+
			`"value":{"bytesnb":{"stdout":%d},"coredump":false,"signal":null,"status":0,"stderr":[],"stdout":["open.","",%s],"sysret":0,"sysret_raw":0}}`,
			len("open.\n\n")+len(inner)+1, quoted) + "\n"
	if d := cmp.Diff(want, out); d != "" {
		t.Errorf("out (-want +got):\n%s", d)
	}
}

func TestClushKeepsAtMost(t *testing.T) {
	c := &fakeClient{answers: map[string]func(string) osh.Result{
		"clush": answer(osh.OK("clush", "OK", "OK", osh.ClushPlan{Hosts: []string{"one", "two"}, Port: 22})),
	}}
	var out, errOut bytes.Buffer
	env := osh.Env{In: strings.NewReader(""), Out: &out, Err: &errOut, Client: c, Now: time.Now, Connect: func(_ context.Context, e *osh.Env, l osh.Line) int {
		if n, err := io.ReadFull(e.In, make([]byte, 1)); n > 0 || err != io.EOF {
			t.Errorf("%s has input", l.Host)
		}
		if l.Host == "one" {
			io.WriteString(e.Out, strings.Repeat("x", 2<<20))
		}
		io.WriteString(e.Err, "\xff\n")
		return 0
	}}
	line, err := osh.ParseLine("--osh clush --list one,two --command id --no-confirm -q --json-greppable")
	if err != nil {
		t.Fatal(err)
	}
	code := osh.Execute(t.Context(), env, line)
	if code != 0 || out.Len() > 1<<20+1000 || !strings.Contains(out.String(), "Not all of the output is in this answer of: one.") ||
		!strings.Contains(out.String(), `"two":{"stderr":["`+"\ufffd"+`"],"stdout":[],"sysret":0}`) {
		t.Errorf("exit %d, %d bytes ending in %q", code, out.Len(), out.String()[max(0, out.Len()-200):])
	}
}

func TestPromptWords(t *testing.T) {
	p := sitDown(t, batchClient(), nil, "-i")
	p.await("> ")
	p.types("mfa\r")
	p.await("no second factor is set up")
	p.types("enable\r")
	p.await("no second factor is set up")
	p.types("end\r")
	p.await("not elevated")
	p.types("192.0.2.7\r")
	p.await("unknown command 192.0.2.7; to connect to a host of that name: ssh 192.0.2.7")
	p.types("batch\rnc srv 22\rexit\r")
	p.await("batch> ")
	p.await("1 commands were run, 0 of them failed.")
	p.await("bob@gw(master)> ")
	p.types("q\r")
	if code := <-p.exit; code != 0 {
		t.Errorf("exit %d", code)
	}
}
