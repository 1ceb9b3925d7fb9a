package crypt_test

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gateway"
	"gateway/internal/crypt"
)

func secret(s string) gateway.Secret { return gateway.NewSecret([]byte(s)) }

// vectors are of the specification of SHA-crypt, of glibc, and of hashcat's
// examples.
func vectors() map[string]string {
	long := "a very much longer text to encrypt.  This one even stretches over morethan one line."
	return map[string]string{
		"$1$28772684$iEwNOgGugqO9.bIz5sk8k/":                                                                                      "hashcat",
		"$1$3azHgidD$SrJPt7B.9rekpmwJwtON31":                                                                                      "password",
		"$1$a$8CfZSfErbeskipdhZHtvu.":                                                                                             "",
		"$1$./012345$cW22R/PKNNqSK6lu7U/GM0":                                                                                      strings.Repeat("z", 100),
		"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5":                                                               "Hello world!",
		"$5$rounds=1400$anotherlongsalts$Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1":                                             long,
		"$5$rounds=77777$short$JiO1O3ZpDAxGJeaDIuqCoEFysAe1mZNJRs3pw0KQRd/":                                                       "we have a short salt string but not a short password",
		"$5$rounds=1000$./$RvPn3mwhlRgTW7HygOgrpo5G08sulKH6DN7hK4oqtM9":                                                           strings.Repeat("x", 64),
		"$5$rounds=5000$GX7BopJZJxPc/KEK$le16UF8I2Anb.rOrn22AUPWvzUETDGefUmAV8AZkGcD":                                             "hashcat",
		"$5$a$CZ9Csdk0HaS3TQcxgDHTwM2gwOEDCViPn83i6BpFdH.":                                                                        "",
		"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1":                    "Hello world!",
		"$6$52450745$k5ka2p8bFuSmoVT1tzOyyuaREkkKBcCNqoDKzYiJL9RaE8yMnPgh2XzzF0NDrUhgrcLwg78xs1w5pJiypEdFX/":                      "hashcat",
		"$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.": "Hello world!",
		"$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1":  long,
		"$6$rounds=1000$a$/lbJg4fCT1HUfR065kq/jXvdYEHwN.8/5M98wa1tt.69LZOK0b1WGR.O/hPPAU7XQneFKK35bW0.WKgJDm23H0":                 strings.Repeat("y", 65),
		"$8$TnGX/fE4KGHOVU$pEhnEvxrvaynpi8j4f.EMHr6M.FzU8xnZnBr/tJdFWk":                                                           "hashcat",
		"$9$2MJBozw/9R3UsU$2lFhcKvpghcyw8deP25GOfyZaagyUOGBymkryvOdfo6":                                                           "hashcat",
	}
}

func TestMatches(t *testing.T) {
	for hash, password := range vectors() {
		if !crypt.Matches(hash, secret(password)) {
			t.Errorf("Matches(%q, %q) = false", hash, password)
		}
		if crypt.Matches(hash, secret(password+"x")) || crypt.Matches(hash+"x", secret(password)) || crypt.Matches(hash[1:], secret(password)) {
			t.Errorf("%q matches something else", hash)
		}
		i := len(hash) - 2
		if other := hash[:i] + string(hash[i]^1) + hash[i+1:]; crypt.Matches(other, secret(password)) {
			t.Errorf("Matches(%q, %q) = true", other, password)
		}
	}
	digits := strings.Repeat("a", 43)
	for _, bad := range []string{
		"", "$", "hashcat", "$1$$iEwNOgGugqO9.bIz5sk8k/", "$2a$10$0123456789012345678901", "$8$short$" + digits,
		"$5$rounds=999999999$s$" + digits, "$5$rounds=05000$s$" + digits, "$5$rounds=5000x$s$" + digits, "$8$TnGX/fE4KGHO\n\n$" + digits,
	} {
		if crypt.Matches(bad, secret("hashcat")) {
			t.Errorf("%q matches", bad)
		}
	}
	h, err := crypt.Sum(secret(strings.Repeat("p", 257)))
	if err != nil || crypt.Matches(h.SHA512Crypt, secret(strings.Repeat("p", 257))) {
		t.Errorf("a password of 257 bytes is hashed: %v", err)
	}
}

func all(h gateway.PasswordHashes) []string {
	return []string{h.MD5Crypt, h.SHA256Crypt, h.SHA512Crypt, h.Type8, h.Type9}
}

func TestSum(t *testing.T) {
	first, err := crypt.Sum(secret("Tr0ub4dor+3"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := crypt.Sum(secret("Tr0ub4dor+3"))
	if err != nil {
		t.Fatal(err)
	}
	for i, hash := range all(first) {
		if !crypt.Valid(hash) || !first.Has(hash) || !strings.HasPrefix(hash, "$"+"15689"[i:i+1]+"$") {
			t.Errorf("hash %d is %q", i, hash)
		}
		if !crypt.Matches(hash, secret("Tr0ub4dor+3")) || crypt.Matches(hash, secret("Tr0ub4dor+4")) {
			t.Errorf("%q: of another password", hash)
		}
		if again.Has(hash) {
			t.Errorf("%q: the salt is the same", hash)
		}
	}
	if first.Has("") || (gateway.PasswordHashes{}).Has("") {
		t.Error("no hash is one of the hashes")
	}
}

// passwords are of every length that a step of the algorithms depends on.
func passwords() []string {
	r := rand.New(rand.NewPCG(1, 2))
	var list []string
	for _, n := range []int{1, 8, 15, 16, 17, 32, 33, 64, 128} {
		b := make([]byte, n)
		for i := range b {
			b[i] = "ABCxyz0189+%#"[r.IntN(13)]
		}
		list = append(list, string(b))
	}
	return list
}

// With the salt that we chose, others get what we got: openssl, libcrypt and
// Python's hashlib. Each gets lines of kind, salt and password.
func TestPeers(t *testing.T) {
	const libcrypt = `import sys,crypt
for line in sys.stdin:
  kind,salt,password=line.split()
  print(crypt.crypt(password,"$%s$%s"%(kind,salt)))`
	const hashlib = `import sys,hashlib,base64
std="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
own="./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
for line in sys.stdin:
  kind,salt,password=line.split()
  s,p=salt.encode(),password.encode()
  key=hashlib.pbkdf2_hmac("sha256",p,s,20000,32) if kind=="8" else hashlib.scrypt(p,salt=s,n=16384,r=1,p=1,dklen=32)
  print("$%s$%s$%s"%(kind,salt,base64.b64encode(key).decode().rstrip("=").translate(str.maketrans(std,own))))`
	const openssl = `while read -r kind salt password; do openssl passwd "-$kind" -salt "$salt" "$password" || exit; done`
	hashes := map[string]gateway.PasswordHashes{}
	for _, password := range passwords() {
		h, err := crypt.Sum(secret(password))
		if err != nil {
			t.Fatal(err)
		}
		hashes[password] = h
	}
	for _, peer := range []struct {
		name, kinds string
		command     []string
	}{
		{"openssl", "156", []string{"sh", "-c", openssl}},
		{"libcrypt", "156", []string{"python3", "-W", "ignore", "-c", libcrypt}},
		{"hashlib", "89", []string{"python3", "-c", hashlib}},
	} {
		t.Run(peer.name, func(t *testing.T) {
			t.Parallel()
			var ask strings.Builder
			var want []string
			for password, h := range hashes {
				for _, hash := range all(h) {
					if kind := hash[1:2]; strings.Contains(peer.kinds, kind) {
						fmt.Fprintln(&ask, kind, strings.Split(hash, "$")[2], password)
						want = append(want, hash)
					}
				}
			}
			cmd := exec.Command(peer.command[0], peer.command[1:]...)
			cmd.Stdin = strings.NewReader(ask.String())
			out, err := cmd.Output()
			if err != nil {
				t.Skipf("%s is not there: %v", peer.name, err)
			}
			if diff := cmp.Diff(want, strings.Fields(string(out))); diff != "" {
				t.Errorf("(-ours +theirs):\n%s", diff)
			}
		})
	}
}
