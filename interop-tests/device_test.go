package interop

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// startDevice starts a target and, behind its subsystem netconf, Debian's
// netconfd.
func startDevice(ts *testscript.TestScript, _ bool, args []string) {
	startTarget(ts, false, []string{"-no-access", args[0]})
	dir := state(ts).targets[args[0]].dir
	socket := filepath.Join(dir, "ncx")
	// The port is not one that anybody listens at: both sides must say the same.
	subsystem := "SSH_CONNECTION='127.0.0.1 9 127.0.0.1 8300' exec /usr/sbin/netconf-subsystem --ncxserver-sockname=8300@" + socket
	ts.Check(os.WriteFile(filepath.Join(dir, "netconf"), []byte(subsystem), 0o644))
	log, err := os.Create(filepath.Join(dir, "netconfd.log"))
	ts.Check(err)
	defer log.Close()
	cmd := exec.Command("netconfd", "--port=8300", "--access-control=off", "--no-startup", "--with-startup=true", "--ncxserver-sockname="+socket)
	cmd.Dir = dir // it writes files where it is
	cmd.Env = append(os.Environ(), "HOME="+dir)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ts.Check(cmd.Start())
	ts.Defer(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	ts.Check(eventually(func() error {
		if _, err := os.Stat(socket); err != nil {
			return errors.New("netconfd does not listen")
		}
		return nil
	}))
}
