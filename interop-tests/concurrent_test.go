package interop

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var hammer = flag.Duration("hammer", 3*time.Second, "how long administrators change the same group at the same time")

// hammers is how many administrators do.
const hammers = 32

// TestConcurrentChanges has many administrators change one group at the same
// time, each at a prompt of their own. In the end the state must be what the
// audit log says, read from its beginning: no change is lost, none is half made
// and each that was answered with OK is there once.
func TestConcurrentChanges(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range hammers {
		names = append(names, fmt.Sprintf("admin%02d", i))
	}
	w := newWorld(t, "adminAccounts=["+admin+", "+strings.Join(names, ", ")+"]", "maxConnectionsPerSource=100", "interactiveModeTimeout=0")
	key, err := os.ReadFile(shared.key + ".pub")
	w.check(err)
	node := func(words ...string) {
		_, err := w.g.osh(words...)
		w.check(err)
	}
	for _, name := range names {
		node("accountCreate", "--account", name, "--uid-auto", "--public-key", strings.TrimSpace(string(key)))
	}
	for i := range 6 {
		node("accountCreate", "--account", fmt.Sprintf("person%d", i), "--uid-auto", "--no-key")
	}
	node("groupCreate", "--group", "hot", "--owner", admin, "--no-key")
	before, err := w.g.audit()
	w.check(err)

	var wait sync.WaitGroup
	var answers [hammers]tally
	var errs [hammers]error
	end := time.Now().Add(*hammer)
	for i, name := range names {
		c := w.ssh([]string{"-l", name}, "-i")
		c.Stdout = nil
		out, err := c.StdoutPipe()
		w.check(err)
		in := w.start(c)
		wait.Go(func() {
			answers[i], errs[i] = change(in, bufio.NewReader(out), end, rand.New(rand.NewPCG(uint64(i), 7)))
		})
	}
	wait.Wait()
	w.check(errors.Join(errs[:]...))

	all := tally{}
	for _, a := range answers {
		for code, n := range a {
			all[code] += n
		}
	}
	t.Logf("%d administrators, %v: %v", hammers, *hammer, all)
	after, err := w.g.audit()
	w.check(err)
	want, changes := replay(t, strings.TrimPrefix(after, before))
	if changes != all["OK"] {
		t.Errorf("%d changes in the audit log, %d answers OK", changes, all["OK"])
	}
	if all["OK"] == 0 || all["OK_NO_CHANGE"] == 0 {
		t.Errorf("too tame to show anything: %v", all)
	}
	if diff := cmp.Diff(want, hotState(w)); diff != "" {
		t.Errorf("the audit log (-) and the state (+) differ:\n%s", diff)
	}
}

// tally counts answers by error_code.
type tally map[string]int

// change types changes at a prompt until end.
func change(in io.Writer, out *bufio.Reader, end time.Time, r *rand.Rand) (tally, error) {
	answers := tally{}
	for time.Now().Before(end) {
		if _, err := fmt.Fprintln(in, randomChange(r)+" --json-greppable"); err != nil {
			return nil, err
		}
		for {
			line, err := out.ReadString('\n')
			if err != nil {
				return nil, fmt.Errorf("the prompt ended: %w", err)
			}
			if answer, ok := strings.CutPrefix(line, "JSON_OUTPUT="); ok {
				var a struct {
					Code  string `json:"error_code"`
					Value *struct {
						MFA *struct {
							Code string `json:"error_code"`
						} `json:"mfa_required"` // groupModify answers for each option
					}
				}
				if err := json.Unmarshal([]byte(answer), &a); err != nil || !strings.HasPrefix(a.Code, "OK") {
					return nil, fmt.Errorf("answer %s: %w", answer, err)
				}
				if a.Value != nil && a.Value.MFA != nil {
					a.Code = a.Value.MFA.Code
				}
				answers[a.Code]++
				break
			}
		}
	}
	_, err := io.WriteString(in, "exit\n")
	return answers, err
}

func randomChange(r *rand.Rand) string {
	person := fmt.Sprintf(" --group hot --account person%d", r.IntN(6))
	server := fmt.Sprintf(" --group hot --host 192.0.2.%d --port 22 --user root", r.IntN(6))
	all := []string{
		"groupAddMember" + person, "groupDelMember" + person, "groupAddGatekeeper" + person, "groupDelGatekeeper" + person,
		"groupAddServer" + server + " --force --comment c" + fmt.Sprint(r.IntN(1000)), "groupDelServer" + server,
		"groupModify --group hot --mfa-required " + []string{"any", "none", "totp"}[r.IntN(3)],
	}
	return all[r.IntN(len(all))]
}

// hot is the state of the group.
type hot struct {
	Members, Gatekeepers []string
	Servers              map[string]string // comment by address
	MFA                  string
}

// replay makes the state from the records of changes, and counts them.
func replay(t *testing.T, log string) (hot, int) {
	members, gatekeepers := map[string]bool{}, map[string]bool{admin: true}
	members[admin] = true
	h := hot{Servers: map[string]string{}, MFA: "none"}
	changes := 0
	for line := range strings.Lines(log) {
		var r struct{ Event, Action, Command string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.Event != "change" {
			continue
		}
		changes++
		var q struct{ Account, Host, Comment, MFARequired string }
		if err := json.Unmarshal([]byte(r.Command), &q); err != nil {
			t.Fatal(err)
		}
		of := map[string]map[string]bool{"Member": members, "Gatekeeper": gatekeepers}[strings.TrimPrefix(r.Action[len("group"):], "Add")]
		switch {
		case of != nil:
			twice(t, line, of[q.Account])
			of[q.Account] = true
		case r.Action == "groupDelMember" || r.Action == "groupDelGatekeeper":
			of := map[bool]map[string]bool{true: members, false: gatekeepers}[r.Action == "groupDelMember"]
			twice(t, line, !of[q.Account])
			delete(of, q.Account)
		case r.Action == "groupAddServer":
			_, there := h.Servers[q.Host]
			twice(t, line, there)
			h.Servers[q.Host] = q.Comment
		case r.Action == "groupDelServer":
			_, there := h.Servers[q.Host]
			twice(t, line, !there)
			delete(h.Servers, q.Host)
		case r.Action == "groupModify":
			h.MFA = q.MFARequired
		default:
			t.Errorf("unexpected change %s", line)
		}
	}
	h.Members, h.Gatekeepers = slices.Sorted(maps.Keys(members)), slices.Sorted(maps.Keys(gatekeepers))
	return h, changes
}

// twice fails when a change is recorded that had been made already.
func twice(t *testing.T, line string, already bool) {
	if already {
		t.Errorf("a change that changes nothing, going by the log: %s", line)
	}
}

// hotState asks the gateway.
func hotState(w *world) hot {
	w.t.Helper()
	var info struct {
		Value struct {
			Members, Gatekeepers []string
			MFA                  string `json:"mfa_required"`
		}
	}
	w.answer(&info, "groupInfo", "--group", "hot")
	var servers struct {
		Value []struct {
			IP          string
			UserComment string
		}
	}
	w.answer(&servers, "groupListServers", "--group", "hot")
	h := hot{Members: info.Value.Members, Gatekeepers: info.Value.Gatekeepers, MFA: info.Value.MFA, Servers: map[string]string{}}
	for _, s := range servers.Value {
		h.Servers[s.IP] = s.UserComment
	}
	return h
}

// answer gives the JSON of a command.
func (w *world) answer(into any, words ...string) {
	w.t.Helper()
	out, err := w.g.osh(append(words, "--json-greppable")...)
	w.check(err)
	_, text, ok := strings.Cut(out, "JSON_OUTPUT=")
	if !ok {
		w.t.Fatalf("no JSON in %s", out)
	}
	w.check(json.Unmarshal([]byte(text), into))
}
