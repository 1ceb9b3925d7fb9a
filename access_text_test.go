package gateway_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gateway"
)

func TestParseAccess(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{"@10.0.0.1", ""},
		{"root@", ""},
		{"root@host", ""},
		{"ro ot@10.0.0.1", ""},
		{"root\n@10.0.0.1", ""},
		{"rööt@10.0.0.1", ""},
		{strings.Repeat("a", 129) + "@10.0.0.1", ""},
		{"10.0.0.1:", ""},
		{"10.0.0.1:0", ""},
		{"10.0.0.1:022", ""},
		{"10.0.0.1:+22", ""},
		{"10.0.0.1:65536", ""},
		{"10.0.0.1:22:22", ""},
		{"10.0.0.1/33", ""},
		{"10.0.0.1/024", ""},
		{"10.0.1", ""},
		{"010.0.0.1", ""},
		{"[10.0.0.1]:22", ""},
		{"[2001:db8::1", ""},
		{"[2001:db8::1]22", ""},
		{"[2001:db8::1]:", ""},
		{"fe80::1%eth0", ""},
		{"fe80::1%eth0/64", ""},
		{"::ffff:10.0.0.0/90", ""},

		{"10.0.0.1", "*@10.0.0.1:*"},
		{"*@10.0.0.1:*", "*@10.0.0.1:*"},
		{"root@10.0.0.1:22", "root@10.0.0.1:22"},
		{"10.1.2.3/8:22", "*@10.0.0.0/8:22"},
		{"10.0.0.1/32", "*@10.0.0.1:*"},
		{"w*b-??@0.0.0.0/0", "w*b-??@0.0.0.0/0:*"},
		{"!scpupload@10.0.0.1:22", "!scpupload@10.0.0.1:22"},
		{"a@b:c@10.0.0.1:22", "a@b:c@10.0.0.1:22"},
		{"2001:db8::1", "*@[2001:db8::1]:*"},
		{"2001:DB8::1:22", "*@[2001:db8::1:22]:*"},
		{"[2001:db8::1]", "*@[2001:db8::1]:*"},
		{"root@[2001:db8::/32]:22", "root@[2001:db8::/32]:22"},
		{"root@::ffff:10.0.0.1", "root@10.0.0.1:*"},
		{"[::ffff:10.0.0.0/104]:22", "*@10.0.0.0/8:22"},
	} {
		a, err := gateway.ParseAccess(test.in)
		switch {
		case test.want == "" && !errors.Is(err, gateway.ErrInvalid):
			t.Errorf("ParseAccess(%q) = %s, %v, want ErrInvalid", test.in, a, err)
		case test.want != "" && (err != nil || a.String() != test.want):
			t.Errorf("ParseAccess(%q) = %s, %v, want %s", test.in, a, err, test.want)
		}
	}
}

// FuzzAccess: what is accepted prints as something that means the same.
func FuzzAccess(f *testing.F) {
	for _, s := range []string{
		"10.0.0.1", "root@10.0.0.0/8:22", "*@[2001:db8::/32]:*", "!sftp@10.0.0.1:22", "a@b@::ffff:1.2.3.4",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := gateway.ParseAccess(s)
		if err != nil {
			if !errors.Is(err, gateway.ErrInvalid) {
				t.Fatalf("ParseAccess(%q): %v does not wrap ErrInvalid", s, err)
			}
			return
		}
		b, err := gateway.ParseAccess(a.String())
		if err != nil || a != b {
			t.Fatalf("ParseAccess(%q) = %v, printed and parsed again: %v, %v", s, a, b, err)
		}
		if p, ok := gateway.NormalNetwork(a.Prefix); !ok || p != a.Prefix {
			t.Fatalf("ParseAccess(%q) gives the network %v, which is not in normal form", s, a.Prefix)
		}
	})
}

func TestParseTTL(t *testing.T) {
	for _, test := range []struct {
		in   string
		want time.Duration // -1: invalid
	}{
		{"", -1}, {"d", -1}, {"-1", -1}, {"1.5h", -1}, {"1 d", -1}, {"1mo", -1}, {"1x", -1}, {"١d", -1},
		{"293y", -1}, {"9223372036854775807", -1}, {"99999999999999999999999", -1}, {"292y292y", -1},
		{strings.Repeat("1s", 33), -1},
		{"0", 0}, {"86400", 24 * time.Hour}, {"1d7h8m", 31*time.Hour + 8*time.Minute}, {"1h30", time.Hour + 30*time.Second},
		{"2w", 14 * 24 * time.Hour}, {"1Y", 365 * 24 * time.Hour}, {"5s1d", 24*time.Hour + 5*time.Second},
		{"292y", 292 * 365 * 24 * time.Hour},
	} {
		got, err := gateway.ParseTTL(test.in)
		switch {
		case test.want < 0 && !errors.Is(err, gateway.ErrInvalid):
			t.Errorf("ParseTTL(%q) = %v, %v, want ErrInvalid", test.in, got, err)
		case test.want >= 0 && (err != nil || got != test.want):
			t.Errorf("ParseTTL(%q) = %v, %v, want %v", test.in, got, err, test.want)
		}
	}
}

// FuzzTTL: no input gives a negative duration.
func FuzzTTL(f *testing.F) {
	f.Add("1d7h8m")
	f.Add("9223372036y")
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := gateway.ParseTTL(s); d < 0 || err != nil && !errors.Is(err, gateway.ErrInvalid) {
			t.Fatalf("ParseTTL(%q) = %v, %v", s, d, err)
		}
	})
}

func TestParseNetworks(t *testing.T) {
	got, err := gateway.ParseNetworks("10.0.0.1, 10.1.2.3/16,2001:db8::/32")
	want := []string{"10.0.0.1/32", "10.1.0.0/16", "2001:db8::/32"}
	if err != nil || len(got) != len(want) {
		t.Fatalf("ParseNetworks = %v, %v, want %v", got, err, want)
	}
	for i, p := range got {
		if p != netip.MustParsePrefix(want[i]) {
			t.Errorf("ParseNetworks: %v, want %v", p, want[i])
		}
	}
	if got, err := gateway.ParseNetworks(" "); got != nil || err != nil {
		t.Errorf("ParseNetworks of nothing = %v, %v", got, err)
	}
	for _, s := range []string{",", "10.0.0.1,", "10.0.0.1 10.0.0.2", "*.example.org", "!10.0.0.1", strings.Repeat("::,", 256) + "::"} {
		if got, err := gateway.ParseNetworks(s); !errors.Is(err, gateway.ErrInvalid) {
			t.Errorf("ParseNetworks(%.40q) = %v, %v, want ErrInvalid", s, got, err)
		}
	}
}

func TestIsHostname(t *testing.T) {
	for name, want := range map[string]bool{
		"srv": true, "srv-1.example.com": true, "a_b": true, "SRV.example.com.": true, strings.Repeat("a", 253): true,
		"": false, strings.Repeat("a", 254): false, "-o": false, ".": false, ".a": false, "a b": false, "a/b": false, "a\n": false,
		"a\x00": false, "é": false, "a;b": false, "$(x)": false, "a@b": false, "[::1]": false, "a:1": false,
	} {
		if got := gateway.IsHostname(name); got != want {
			t.Errorf("IsHostname(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	for _, test := range []struct {
		name           string
		account, group error
	}{
		{"", gateway.ErrInvalid, gateway.ErrInvalid},
		{"a/b", gateway.ErrInvalid, gateway.ErrInvalid},
		{"a b", gateway.ErrInvalid, gateway.ErrInvalid},
		{"a+b", gateway.ErrInvalid, gateway.ErrInvalid},
		{"café", gateway.ErrInvalid, gateway.ErrInvalid},
		{"-rf", gateway.ErrForbiddenPrefix, gateway.ErrForbiddenName},
		{"..", gateway.ErrForbiddenPrefix, gateway.ErrForbiddenName},
		{"keys", gateway.ErrForbiddenPrefix, gateway.ErrForbiddenName},
		{"realm_x", gateway.ErrForbiddenPrefix, nil},
		{"x-tty", gateway.ErrForbiddenName, gateway.ErrForbiddenName},
		{"x-owner", gateway.ErrForbiddenName, gateway.ErrForbiddenName},
		{"x-gatekeeper", gateway.ErrForbiddenName, gateway.ErrForbiddenName},
		{"beekeeper", nil, gateway.ErrForbiddenName},
		{"root", gateway.ErrForbiddenName, nil},
		{"a", gateway.ErrInvalid, nil},
		{"a-name-of-19-letters", nil, gateway.ErrInvalid},
		{strings.Repeat("a", 28), nil, gateway.ErrInvalid},
		{strings.Repeat("a", 29), gateway.ErrInvalid, gateway.ErrInvalid},
		{"alice.B_c-1", nil, nil},
	} {
		for kind, got := range map[string]error{"account": gateway.CheckAccountName(test.name), "group": gateway.CheckGroupName(test.name)} {
			want := test.account
			if kind == "group" {
				want = test.group
			}
			if !errors.Is(got, want) || want == gateway.ErrInvalid &&
				(errors.Is(got, gateway.ErrForbiddenName) || errors.Is(got, gateway.ErrForbiddenPrefix)) {
				t.Errorf("name of %s %q: %v, want %v", kind, test.name, got, want)
			}
		}
	}
}

func TestSplitTarget(t *testing.T) {
	for _, test := range []struct{ in, user, host, port string }{
		{"srv", "", "srv", ""},
		{"root@srv", "root", "srv", ""},
		{"a@b:c@srv:22", "a@b:c", "srv", "22"},
		{"::1", "", "::1", ""},
		{"[::1]", "", "::1", ""},
		{"root@[::1]:22", "root", "::1", "22"},
		{"root@", "root", "", ""}, // the host is for others to check
	} {
		user, host, port, err := gateway.SplitTarget(test.in)
		if user != test.user || host != test.host || port != test.port || err != nil {
			t.Errorf("SplitTarget(%q) = %q, %q, %q, %v", test.in, user, host, port, err)
		}
	}
	// What is written and means nothing is not passed over in silence.
	for _, in := range []string{"@srv", "srv:", "[::1", "[::1]22", "[::1]:", "[srv]:22"} {
		if user, host, port, err := gateway.SplitTarget(in); !errors.Is(err, gateway.ErrInvalid) {
			t.Errorf("SplitTarget(%q) = %q, %q, %q, %v, want ErrInvalid", in, user, host, port, err)
		}
	}
}
