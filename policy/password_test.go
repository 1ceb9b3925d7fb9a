package policy_test

import (
	"testing"

	"gateway"
	"gateway/policy"
)

// TestDecidePasswords is the matrix of decisions on logins with passwords.
func TestDecidePasswords(t *testing.T) {
	accounts := []*gateway.Account{
		{Name: "dave", EgressKeys: keys("e1"), Passwords: passwords("p1", "p2", "p3"), Personal: accesses(t,
			"root@10.0.0.1:22", "root@10.0.0.2:22 password=$6$p2", "root@10.0.0.3:22 password=$1$gone", "root@10.0.0.4:22 key=e1",
			"root@10.0.0.5:22 password=$9$g2", "root@10.6.0.5:22 password=$8$p1")},
		{Name: "bob", EgressKeys: keys("b1"), Personal: accesses(t, "root@10.0.0.1:22", "root@10.0.0.2:22 password=$5$g1")},
	}
	groups := []*gateway.Group{
		{Name: "gear", Keys: keys("g1"), Passwords: passwords("g1", "g2"), Members: []string{"bob"},
			Guests: map[string][]gateway.Access{"dave": accesses(t, "root@10.6.0.1:22", "root@10.6.0.2:22", "root@10.6.0.3:22 password=$1$g1",
				"root@10.6.0.4:22 password=$1$g1", "root@10.6.0.5:22")},
			Accesses: accesses(t, "root@10.6.0.0/24:22", "root@10.6.0.2:22 password=$5$g2", "root@10.6.0.4:22 password=$1$g2", "root@10.6.0.6:22 key=g1")},
		{Name: "none", Keys: keys("n1"), Members: []string{"bob"}, Accesses: accesses(t, "root@10.6.0.0/24:22")},
	}
	self, gear, none := gateway.PasswordOf{Self: true}, gateway.PasswordOf{Group: "gear"}, gateway.PasswordOf{Group: "none"}
	s := policy.New(accounts, groups, open)
	for _, test := range []struct {
		account, target, use string
		password             gateway.PasswordOf
		want                 string
	}{
		// Nobody has them, or they are not for this access.
		{account: "bob", target: "root@10.0.0.1:22", password: self, want: "no matching access owns the asked password"},
		{account: "bob", target: "root@10.0.0.1:22", password: gear, want: "no matching access owns the asked password"},
		{account: "dave", target: "root@10.0.0.1:22", password: gear, want: "no matching access owns the asked password"},
		{account: "bob", target: "root@10.6.0.1:22", password: none, want: "no matching access owns the asked password"},
		{account: "bob", target: "root@10.6.0.1:22", password: gateway.PasswordOf{Group: "nosuch"}, want: "no matching access owns the asked password"},
		{account: "dave", target: "root@10.9.0.1:22", password: self, want: "no matching access"},
		// A key is insisted on, or two passwords are.
		{account: "dave", target: "root@10.0.0.4:22", password: self, want: "no matching access owns the asked password"},
		{account: "dave", target: "root@10.0.0.1:22", use: "e1", password: self, want: "no matching access owns the asked password"},
		{account: "bob", target: "root@10.6.0.6:22", password: gear, want: "no matching access owns the asked password"},
		{account: "dave", target: "root@10.6.0.4:22", password: gear, want: "no matching access owns the asked password"},
		// The forced one is not there, or somebody else's.
		{account: "dave", target: "root@10.0.0.3:22", password: self, want: "the password that is forced is not there"},
		{account: "dave", target: "root@10.0.0.5:22", password: self, want: "the password that is forced is not there"},
		{account: "dave", target: "root@10.6.0.3:22", password: self, want: "the password that is forced is not there"},

		// The current one, then the fallbacks; or just the forced one.
		{account: "dave", target: "root@10.0.0.1:22", password: self, want: "personal():root@10.0.0.1:22[$1$p1 $1$p2 $1$p3]"},
		{account: "dave", target: "root@10.0.0.2:22", password: self, want: "personal():root@10.0.0.2:22[$1$p2]"},
		{account: "dave", target: "root@10.6.0.1:22", password: gear, want: "group-guest(gear):root@10.6.0.1:22[$1$g1 $1$g2]"},
		{account: "dave", target: "root@10.6.0.2:22", password: gear, want: "group-guest(gear):root@10.6.0.2:22[$1$g2]"},
		{account: "dave", target: "root@10.6.0.3:22", password: gear, want: "group-guest(gear):root@10.6.0.3:22[$1$g1]"},
		{account: "dave", target: "root@10.6.0.5:22", password: gear, want: "group-guest(gear):root@10.6.0.5:22[$1$g1 $1$g2]"},
		{account: "bob", target: "root@10.6.0.2:22", password: gear, want: "group-member(gear):root@10.6.0.2:22[$1$g2]"},
		// One's own serve on the accesses of groups too.
		{account: "dave", target: "root@10.6.0.5:22", password: self, want: "personal():root@10.6.0.5:22[$1$p1] group-guest(gear):root@10.6.0.5:22[$1$p1 $1$p2 $1$p3]"},
		// Without being asked for none is there.
		{account: "dave", target: "root@10.0.0.1:22", want: "personal():root@10.0.0.1:22[e1]"},
		{account: "dave", target: "root@10.0.0.2:22", want: "personal():root@10.0.0.2:22[]"},
	} {
		r := request(t, test.account, test.target, test.use)
		r.Password = test.password
		if got := render(s.Decide(r, now)); got != test.want {
			t.Errorf("Decide(%s → %s, key %q, passwords of %+v) = %s, want %s", test.account, test.target, test.use, test.password, got, test.want)
		}
	}
}
