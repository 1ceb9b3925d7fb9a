package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of /proc/PID/stat: USER_HZ, 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// process is what /proc says of one process; proc(5).
type process struct {
	pid, parent int
	cpu         time.Duration // its own and its reaped children's
}

// tree returns a process and all that descend from it.
func tree(root int) ([]process, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := map[int][]process{}
	var found []process
	for _, name := range stats {
		p, err := readStat(name)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errGone) {
			continue
		} else if err != nil {
			return nil, err
		}
		if p.pid == root {
			found = append(found, p)
		}
		children[p.parent] = append(children[p.parent], p)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("process %d is gone", root)
	}
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i].pid]...)
	}
	return found, nil
}

var errGone = errors.New("process is gone")

func readStat(name string) (process, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		if strings.Contains(err.Error(), "no such process") {
			err = errGone
		}
		return process{}, err
	}
	text := string(b)
	// The name, in parentheses, may hold anything.
	open, shut := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || shut < open {
		return process{}, fmt.Errorf("%s: %q", name, text)
	}
	fields := strings.Fields(text[shut+1:])
	if len(fields) < 15 {
		return process{}, fmt.Errorf("%s: %q", name, text)
	}
	var p process
	if p.pid, err = strconv.Atoi(strings.TrimSpace(text[:open])); err != nil {
		return p, err
	}
	if p.parent, err = strconv.Atoi(fields[1]); err != nil {
		return p, err
	}
	for _, f := range fields[11:15] { // utime stime cutime cstime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return p, err
		}
		p.cpu += time.Duration(n) * tick
	}
	return p, nil
}

// cpuOf returns what a process and its descendants, dead ones included, used.
func cpuOf(root int) (time.Duration, error) {
	ps, err := tree(root)
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, p := range ps {
		sum += p.cpu
	}
	return sum, nil
}

// roleOf gives what a process on the way is there for.
func roleOf(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return "session" // it has ended
	}
	switch words := strings.Split(string(b), "\x00"); {
	case len(words) > 1 && words[1] == "serve":
		return "monitor"
	case len(words) > 1 && words[1] == "recorder":
		return "recorder"
	}
	return "session" // or sshd
}

// cpuByRole returns what the processes below root have used, by what they are
// there for.
func cpuByRole(root int) (map[string]time.Duration, error) {
	ps, err := tree(root)
	if err != nil {
		return nil, err
	}
	used := map[string]time.Duration{}
	for _, p := range ps {
		used[roleOf(p.pid)] += p.cpu
	}
	return used, nil
}

// memory is in bytes. Pages of a binary that several processes run are shared,
// so they are in pss only.
type memory struct{ private, pss int64 }

func memoryOf(root int) (memory, error) {
	ps, err := tree(root)
	if err != nil {
		return memory{}, err
	}
	var sum memory
	for _, p := range ps {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.pid))
		if err != nil {
			return sum, err
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) != 3 || f[2] != "kB" {
				continue
			}
			n, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return sum, err
			}
			switch f[0] {
			case "Private_Clean:", "Private_Dirty:":
				sum.private += n << 10
			case "Pss:":
				sum.pss += n << 10
			}
		}
	}
	return sum, nil
}

// descriptors counts the open files of one process.
func descriptors(pid int) (int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(entries), err
}
