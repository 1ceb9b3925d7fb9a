package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// withdrawals are the ways in which what allowed a live session goes away. In a
// line PERSON and GROUP are those of the session, AT the options of the target.
// A line that is empty is time passing.
var withdrawals = []struct {
	name   string
	give   string // what allows the session
	line   string // what takes it away
	reason string // what the person is told
}{
	{"frozen", "personal", "accountFreeze --account PERSON --reason out-of-office", "account frozen: out-of-office"},
	{"deleted", "personal", "accountDelete --account PERSON --no-confirm", "account deleted"},
	{"access", "personal", "accountDelPersonalAccess --account PERSON AT", "withdrawn or has expired"},
	{"access-ttl", "personal --ttl 4", "", "withdrawn or has expired"},
	{"member", "member", "groupDelMember --group GROUP --account PERSON", "withdrawn or has expired"},
	{"member-ttl", "member --ttl 4", "", "withdrawn or has expired"},
	{"server", "member", "groupDelServer --group GROUP AT", "withdrawn or has expired"},
	{"guest", "guest", "groupDelGuestAccess --group GROUP --account PERSON AT", "withdrawn or has expired"},
	{"guest-ttl", "guest --ttl 4", "", "withdrawn or has expired"},
	{"guest-server", "guest", "groupDelServer --group GROUP AT", "withdrawn or has expired"},
	{"group", "member", "groupDelete --group GROUP --no-confirm", "withdrawn or has expired"},
	{"osh-only", "personal", "accountModify --account PERSON --osh-only yes", "withdrawn or has expired"},
}

// endsWithin is what a person may go on for after that.
const endsWithin = 2 * time.Second

// TestRightNow takes away what allowed a live session, in every way, and wants
// it to end soon, by the gateway's own clock, and the person to be told why.
func TestRightNow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "maxConnectionsPerSource=100")
	keys := w.rightNowPeople()
	w.check(w.target.allow(keys))
	var wait sync.WaitGroup
	for i, x := range withdrawals {
		wait.Go(func() { w.withdraw(fmt.Sprintf("p%02d", i), fmt.Sprintf("g%02d", i), x.give, x.line, x.reason, x.name) })
	}
	wait.Wait()

	// A setting that forbids the network ends everybody's sessions there.
	c := w.ssh(nil, w.at("echo up; sleep 60")...)
	w.start(c)
	w.await(&c.out, "up")
	over := time.Now()
	w.check(w.g.set("forbiddenNetworks=[127.0.0.0/8]"))
	if code, err := c.code(); err != nil || code == 0 || !strings.Contains(c.err.String(), "ended by the gateway") {
		t.Errorf("a forbidden network: exit status %d (%v), told %q", code, err, c.err.String())
	}
	if ended, _, err := w.closedAt(admin, "ssh"); err != nil || ended.Sub(over) > endsWithin {
		t.Errorf("a forbidden network: ended after %v, %v", ended.Sub(over), err)
	}
}

// rightNowPeople makes a person and a group for each withdrawal and returns
// their egress keys.
func (w *world) rightNowPeople() string {
	w.t.Helper()
	key, err := os.ReadFile(shared.key + ".pub")
	w.check(err)
	var keys strings.Builder
	for i := range withdrawals {
		person, group := fmt.Sprintf("p%02d", i), fmt.Sprintf("g%02d", i)
		for _, words := range [][]string{
			{"accountCreate", "--account", person, "--uid-auto", "--public-key", strings.TrimSpace(string(key))},
			{"groupCreate", "--group", group, "--owner", admin, "--algo", "ed25519"},
			w.addressed("groupAddServer --group " + group + " --force AT"),
		} {
			_, err := w.g.osh(words...)
			w.check(err)
		}
		for _, words := range [][]string{{"accountListEgressKeys", "--account", person}, {"groupInfo", "--group", group}} {
			more, err := w.g.egressKeys(words...)
			w.check(err)
			keys.WriteString(more)
		}
	}
	return keys.String()
}

// addressed splits a line and fills in the target.
func (w *world) addressed(line string) []string {
	return strings.Fields(strings.ReplaceAll(line, "AT", "--host 127.0.0.1 --port "+w.target.port()+" --user "+w.target.user))
}

// withdraw opens a session, takes away what allows it and looks at its end.
func (w *world) withdraw(person, group, give, line, reason, name string) {
	t := w.t
	kind, more, _ := strings.Cut(give, " ")
	given := map[string]string{
		"personal": "accountAddPersonalAccess --account PERSON --force AT ",
		"member":   "groupAddMember --group GROUP --account PERSON ",
		"guest":    "groupAddGuestAccess --group GROUP --account PERSON AT ",
	}[kind] + more
	fill := strings.NewReplacer("PERSON", person, "GROUP", group)
	if _, err := w.g.osh(w.addressed(fill.Replace(given))...); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	over := time.Now().Add(4 * time.Second)
	c := w.ssh([]string{"-l", person}, w.at("echo up; sleep 60")...)
	if err := c.Start(); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	err := eventually(func() error {
		if !strings.Contains(c.out.String(), "up") {
			return fmt.Errorf("no session: %s", c.err.String())
		}
		return nil
	})
	if err == nil && line != "" {
		over = time.Now()
		_, err = w.g.osh(w.addressed(fill.Replace(line))...)
	}
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	code, err := exitCode(c.Wait())
	if err != nil || code == 0 || !strings.Contains(c.err.String(), "ended by the gateway") || !strings.Contains(c.err.String(), reason) {
		t.Errorf("%s: exit status %d (%v), told %q, want %q", name, code, err, c.err.String(), reason)
	}
	ended, why, err := w.closedAt(person, "ssh")
	if err != nil || !strings.Contains(why, reason) {
		t.Errorf("%s: the audit log says %q, %v", name, why, err)
	}
	if late := ended.Sub(over); late > endsWithin || late < -endsWithin {
		t.Errorf("%s: ended %v after what allowed it was gone, want %v at most", name, late, endsWithin)
	} else {
		t.Logf("%s: ended after %v", name, late)
	}
}

// closedAt finds the end of the person's one session over a protocol in the audit log.
func (w *world) closedAt(person, protocol string) (at time.Time, why string, err error) {
	err = eventually(func() error {
		log, err := w.g.audit()
		if err != nil {
			return err
		}
		for line := range strings.Lines(log) {
			var r struct {
				Event, Principal, Protocol, Reason string
				Time                               time.Time
			}
			if json.Unmarshal([]byte(line), &r) == nil && r.Event == "close" && r.Principal == person && r.Protocol == protocol {
				at, why = r.Time, r.Reason
				return nil
			}
		}
		return fmt.Errorf("no end of a session of %s", person)
	})
	return at, why, err
}
