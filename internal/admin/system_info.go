package admin

import (
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// systemInfo describes the node as far as its kernel tells.
func systemInfo() []string {
	info := []string{fmt.Sprintf("%d processors", runtime.NumCPU())}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		info = append(info, fmt.Sprintf("%s %s %s", unix.ByteSliceToString(u.Sysname[:]),
			unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Machine[:])))
	}
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) == nil {
		load := func(i int) float64 { return float64(s.Loads[i]) / (1 << 16) }
		mib := func(n uint64) uint64 { return n * uint64(s.Unit) >> 20 }
		info = append(info,
			"up for "+(time.Duration(s.Uptime)*time.Second).String(),
			fmt.Sprintf("load %.2f %.2f %.2f", load(0), load(1), load(2)),
			fmt.Sprintf("%d of %d MiB of memory free", mib(uint64(s.Freeram)), mib(uint64(s.Totalram))))
	}
	return info
}

// hint gives that of the day.
func hint(now time.Time) string {
	hints := []string{
		"Tab completes commands, options, accounts and groups at the prompt: -i",
		"--ttl 8h gives an access an end, so that nobody has to remember to take it away",
		"selfListSessions and selfPlaySession show what you did, as it went",
		"a hardware key (ed25519-sk) can't be copied; selfAddIngressKey takes it",
		"--osh COMMAND --help lists the options of a command, --long-help examples too",
		"whoHasAccessTo tells who can reach a host, and by what way",
		"--json-greppable puts the whole answer into one line, for scripts",
	}
	return hints[now.YearDay()%len(hints)]
}
