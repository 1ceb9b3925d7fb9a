package monitor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"gateway/internal/monitor"
	"gateway/internal/osh"
)

// The chain of network namespaces: we, two routers, a host. The second router
// knows a network that nobody can reach.
const (
	chainWe = `ip link set lo up
ip link add far type veth peer name near netns $R1
ip addr add 10.1.0.1/24 dev far; ip addr add fd01::1/64 dev far nodad; ip link set far up
ip route add default via 10.1.0.2; ip route add default via fd01::2`
	chainR1 = `ip addr add 10.1.0.2/24 dev near; ip addr add fd01::2/64 dev near nodad; ip link set near up
ip link add far type veth peer name near netns $R2
ip addr add 10.2.0.1/24 dev far; ip addr add fd02::1/64 dev far nodad; ip link set far up
ip route add default via 10.2.0.2; ip route add default via fd02::2
echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
echo 0 > /proc/sys/net/ipv4/icmp_ratemask; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit`
	chainR2 = `ip addr add 10.2.0.2/24 dev near; ip addr add fd02::2/64 dev near nodad; ip link set near up
ip link add far type veth peer name near netns $HOST
ip addr add 10.3.0.1/24 dev far; ip addr add fd03::1/64 dev far nodad; ip link set far up
ip route add 10.1.0.0/24 via 10.2.0.1; ip route add fd01::/64 via fd02::1
ip route add unreachable 10.9.0.0/24; ip route add unreachable fd09::/64
echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
echo 0 > /proc/sys/net/ipv4/icmp_ratemask; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit`
	chainHost = `ip link set lo up; ip addr add 10.3.0.2/24 dev near; ip addr add fd03::2/64 dev near nodad; ip link set near up
ip route add default via 10.3.0.1; ip route add default via fd03::1`
)

// enterChain puts the calling thread, which must end with the goroutine, at
// the near end of the chain.
func enterChain(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"ip", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can make network namespaces")
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespaces here: %v", err)
	}
	env := os.Environ()
	var pids []string
	for _, name := range []string{"R1", "R2", "HOST"} {
		holder := exec.Command("cat")
		holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
		in, err := holder.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := holder.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { in.Close(); holder.Wait() })
		pids = append(pids, fmt.Sprint(holder.Process.Pid))
		env = append(env, name+"="+pids[len(pids)-1])
	}
	run := func(command ...string) {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", command, err, out)
		}
	}
	run("sh", "-ec", chainWe)
	for i, script := range []string{chainR1, chainR2, chainHost} {
		run("nsenter", "-t", pids[i], "-n", "sh", "-ec", script)
	}
}

// passer answers any command with one socket.
type passer struct {
	target osh.EchoTarget
	socket *os.File
}

func (p passer) Run(_ context.Context, command string, _ json.RawMessage) (osh.Result, error) {
	r := osh.OK(command, "OK", "", p.target)
	r.Files = []*os.File{p.socket}
	return r, nil
}

func (passer) Complete(context.Context, string, string) ([]string, error) { return nil, nil }

func open(t *testing.T, host string) passer {
	t.Helper()
	addr := netip.MustParseAddr(host)
	socket, err := new(monitor.Monitor).Deps().PingSocket(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	return passer{osh.EchoTarget{Host: host, Addr: addr}, socket}
}

func TestRoute(t *testing.T) {
	tests := []struct {
		addr, command string
		want          []string // hosts of the route, or what ping says
	}{
		{"10.3.0.2", "mtr", []string{"10.1.0.2", "10.2.0.2", "10.3.0.2"}},
		{"fd03::2", "mtr", []string{"fd01::2", "fd02::2", "fd03::2"}},
		{"fd09::9", "mtr", []string{"fd01::2", "fd02::2"}},
		{"10.3.0.2", "ping -c 1 -t 1", []string{"10.1.0.2 says that the TTL was used up"}},
		{"10.3.0.2", "ping -c 1 -t 2", []string{"10.2.0.2 says that the TTL was used up"}},
		{"10.3.0.2", "ping -c 1 -t 3", []string{"10.3.0.2 answered in"}},
		{"fd03::2", "ping -c 1 -t 2", []string{"fd02::2 says that the TTL was used up"}},
		{"fd03::2", "ping -c 1 -t 255", []string{"fd03::2 answered in"}},
		{"10.9.0.9", "ping -c 1", []string{"10.2.0.2 says that 10.9.0.9 can't be reached"}},
	}
	enterChain(t)
	for _, addr := range []string{"10.3.0.2", "fd03::2"} { // until all neighbours know each other
		follow(t, open(t, addr), "alive", []string{addr + " answers"})
	}
	for kind, groups := range map[string]string{"everybody": "0 0", "raw": "1 0"} {
		if err := os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte(groups), 0); err != nil {
			t.Fatal(err)
		}
		for _, tt := range tests {
			p := open(t, tt.addr)
			t.Run(fmt.Sprintf("%s/%s %s", kind, tt.command, tt.addr), func(t *testing.T) {
				t.Parallel()
				follow(t, p, tt.command, tt.want)
			})
		}
	}
}

func follow(t *testing.T, p passer, command string, want []string) {
	t.Helper()
	line, err := osh.ParseLine("--osh " + command + " " + p.target.Host + " --json-greppable")
	if err != nil {
		t.Fatal(err)
	}
	if command == "mtr" {
		line.Args = append(line.Args, "-c", "2")
	}
	var out, errOut bytes.Buffer
	env := osh.Env{In: strings.NewReader(""), Out: &out, Err: &errOut, Client: p, Now: time.Now}
	if code := osh.Execute(t.Context(), env, line); code != 0 {
		t.Fatalf("exit %d, %s", code, errOut.String())
	}
	if command != "mtr" {
		if !strings.Contains(out.String(), want[0]) {
			t.Errorf("no %q in %s", want[0], out.String())
		}
		return
	}
	_, answer, _ := strings.Cut(out.String(), "JSON_OUTPUT=")
	var got struct{ Value []osh.MTRHop }
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		t.Fatal(err)
	}
	var hosts []string
	for _, h := range got.Value {
		if h.Host == nil || h.Loss != 0 || h.Sent != 2 || h.Best <= 0 || h.Worst < h.Best {
			t.Errorf("hop %d: %+v", h.Hop, h)
			continue
		}
		hosts = append(hosts, *h.Host)
	}
	if diff := cmp.Diff(want, hosts); diff != "" {
		t.Errorf("route (-want +got):\n%s%s", diff, out.String())
	}
}
