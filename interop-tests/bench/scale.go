package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gateway"
	"gateway/internal/store"
	"gateway/internal/store/sqlite"
)

// The company that listings are measured in: 200,000 accesses, of which four
// fifths are of groups.
const (
	scaleAccounts = 10_000
	scalePersonal = 4 // accesses of each account
	scaleGroups   = 2_000
	scaleServers  = 80 // accesses of each group
	scaleMembers  = 25 // of each group
)

// listings is what people wait for, and the account that asks.
var listings = []string{
	"accountList", "accountList --audit", "accountInfo --all", "accountInfo --all --with-everything", "accountInfo --account user00007",
	"accountListAccesses --account user00007", "accountListEgressKeys --account user00007",
	"groupList", "groupList --all", "groupInfo --all", "groupInfo --all --without-everything", "groupInfo --group group0007",
	"groupListServers --group group0007", "selfListAccesses", "selfListSessions",
	"whoHasAccessTo --host 10.0.0.7", "whoHasAccessTo --host 10.0.0.7 --user root --port 22 --show-wildcards",
	"whyAccess root@10.0.0.7 --account user00007",
}

// scale measures the start and the listings of a gateway with many accounts.
func (b *bench) scale() error {
	bin, err := filepath.Abs(b.bin)
	if err != nil {
		return err
	}
	data := b.path("scale")
	err = b.command(bin, "init", "--data", data, "--name", "bench", "--admin", "bench", "--admin-key", b.path("client.pub")).Run()
	if err != nil {
		return fmt.Errorf("init: %w", err)
	}
	if err := fillStore(b.ctx, filepath.Join(data, "gateway.db")); err != nil {
		return fmt.Errorf("fill the store: %w", err)
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	begin := time.Now()
	if _, err := b.serve(port, bin, "serve", "--data", data, "--listen", "127.0.0.1:"+port); err != nil {
		return err
	}
	b.table.add("start with 10,000 accounts, 200,000 accesses", "s",
		map[string]float64{"gateway": time.Since(begin).Seconds()}, atMost(5))
	if err := b.appendConfig("Host scale\n\tPort " + port + "\n\tUser bench\n\tControlMaster auto\n\tControlPath " +
		b.path("scale.mux") + "\n\tControlPersist 60\n"); err != nil {
		return err
	}
	for _, line := range listings {
		var seconds []float64
		size := 0
		for range 5 {
			begin := time.Now()
			out, err := b.listing(line)
			if err != nil {
				return err
			}
			seconds, size = append(seconds, time.Since(begin).Seconds()), len(out)
		}
		b.table.add(fmt.Sprintf("%s, %d KiB", line, size>>10), "s", map[string]float64{"gateway": median(seconds)}, atMost(1))
	}
	return b.command("ssh", "-F", b.path("config"), "-q", "-O", "exit", "scale").Run()
}

func (b *bench) listing(line string) ([]byte, error) {
	cmd := b.command("ssh", "-F", b.path("config"), "scale", "--", "-q --osh "+line+" --json-greppable")
	out, err := cmd.Output()
	if err == nil && !bytes.Contains(out, []byte(`"error_code":"OK`)) {
		err = fmt.Errorf("it answers %.200q", out)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", line, err)
	}
	return out, nil
}

func (b *bench) appendConfig(text string) error {
	f, err := os.OpenFile(b.path("config"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

// fillStore writes the company where commands would need an hour. The account
// bench may run every listing.
func fillStore(ctx context.Context, path string) error {
	s, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Update(ctx, func(x store.Tx) error {
		for _, command := range []string{"auditor", "accountList", "accountInfo", "accountListAccesses", "accountListEgressKeys", "whoHasAccessTo"} {
			if _, err := x.Grant("bench", command); err != nil {
				return err
			}
		}
		for i := range scaleAccounts {
			if err := fillAccount(x, i); err != nil {
				return err
			}
		}
		for i := range scaleGroups {
			if err := fillGroup(x, i); err != nil {
				return err
			}
		}
		return nil
	})
}

func fillAccount(x store.Tx, i int) error {
	name := fmt.Sprintf("user%05d", i)
	if err := x.CreateAccount(&gateway.Account{Name: name, Created: time.Now(), CreatedBy: "bench"}, 2000, 99999); err != nil {
		return err
	}
	if err := fillKey(x, store.Owner{Account: name}); err != nil {
		return err
	}
	for j := range scalePersonal {
		if _, err := x.AddAccess(store.Owner{Account: name}, fillAccess(i*scalePersonal+j), time.Now()); err != nil {
			return err
		}
	}
	return nil
}

func fillGroup(x store.Tx, i int) error {
	name := fmt.Sprintf("group%04d", i)
	if err := x.CreateGroup(&gateway.Group{Name: name, Created: time.Now(), CreatedBy: "bench"}); err != nil {
		return err
	}
	if err := fillKey(x, store.Owner{Group: name}); err != nil {
		return err
	}
	for j := range scaleMembers {
		if _, err := x.AddRole(name, gateway.Member, fmt.Sprintf("user%05d", (i*7+j*401)%scaleAccounts), time.Time{}, time.Now()); err != nil {
			return err
		}
	}
	for _, role := range []gateway.Role{gateway.Owner, gateway.Gatekeeper, gateway.Aclkeeper} {
		if _, err := x.AddRole(name, role, fmt.Sprintf("user%05d", i), time.Time{}, time.Now()); err != nil {
			return err
		}
	}
	if i < 100 {
		if _, err := x.AddRole(name, gateway.Member, "bench", time.Time{}, time.Now()); err != nil {
			return err
		}
	}
	for j := range scaleServers {
		if _, err := x.AddAccess(store.Owner{Group: name}, fillAccess(i*scaleServers+j), time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// fillKey adds an egress key that nobody can log in with.
func fillKey(x store.Tx, o store.Owner) error {
	blob := append([]byte("\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"), make([]byte, 32)...)
	_, err := x.AddEgressKey(o, gateway.EgressKey{Type: "ssh-ed25519", Blob: blob, Size: 256,
		Fingerprint: "SHA256:" + strings.Repeat("x", 43), Comment: "bench", Created: time.Now()}, []byte("sealed"))
	return err
}

// fillAccess gives one of 160,000 targets, so that personal accesses meet those
// of groups; a few are networks.
func fillAccess(i int) gateway.Access {
	addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	bits := 32
	if i%50 == 0 {
		bits = 24
	}
	return gateway.Access{
		User: "root", Prefix: netip.PrefixFrom(addr, bits).Masked(), Port: 22, AddedBy: "bench", AddedAt: time.Now(),
		Comment: fmt.Sprintf("hostname=srv%06d.example.com", i),
	}
}
