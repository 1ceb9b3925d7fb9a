package clients

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// TestAsOrdinaryUser runs the tests of this package once more without root,
// where the jail needs a user namespace.
func TestAsOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: the other tests show it")
	}
	dir, err := os.MkdirTemp("", "clients-user-") // T's lies in one that others can't walk through
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.timeout=2m", "-test.short", "-test.v="+verbose())
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), helperEnv+"="+helper, "TMPDIR="+dir, "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: 65534, Gid: 65534, Groups: []uint32{}}, Pdeathsig: syscall.SIGKILL,
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	} else if testing.Verbose() {
		t.Logf("%s", out)
	}
}

func verbose() string {
	if testing.Verbose() {
		return "true"
	}
	return "false"
}
