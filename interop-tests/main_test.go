package interop

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The account that every data folder of the tests has. It is an administrator,
// and its key is in the file admin.
const admin = "alice"

// made is what all tests share: our binaries, keys, and a data folder to copy,
// because making its RSA keys takes longer than most tests.
type made struct {
	dir   string
	bin   string // gateway and gateway-session
	data  string // a new data folder
	key   string // the administrator's key, made with ssh-keygen
	other string // a key that nobody knows
	hosts string // host keys of targets: old and new
}

var shared made // set once, before any test runs

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gateway-interop.")
	if err == nil {
		defer os.RemoveAll(dir)
		shared, err = prepare(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func prepare(dir string) (made, error) {
	s := made{
		dir: dir, bin: filepath.Join(dir, "bin"), data: filepath.Join(dir, "data"),
		key: filepath.Join(dir, "admin"), other: filepath.Join(dir, "other"), hosts: filepath.Join(dir, "host"),
	}
	// Session processes run as users of their own and must find their program.
	err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(s.bin, 0o755))
	err = errors.Join(err, command("env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-o", s.bin, "gateway/cmd/gateway", "gateway/cmd/gateway-session"))
	for _, name := range []string{s.key, s.other, s.hosts + ".old", s.hosts + ".new"} {
		err = errors.Join(err, command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", filepath.Base(name), "-f", name))
	}
	if err != nil {
		return s, err
	}
	return s, command(s.gateway(), "init", "--data", s.data, "--name", "gw", "--admin", admin, "--admin-key", s.key+".pub")
}

func (s made) gateway() string { return filepath.Join(s.bin, "gateway") }

// command runs a program that must succeed.
func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
