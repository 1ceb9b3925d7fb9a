package clients

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gateway/internal/jail"
)

// Psql is the newest psql of this system. Debian's /usr/bin/psql is a script
// that chooses one; there is nothing to run it with in a jail.
func Psql() (string, error) {
	best, version := "", 0.0
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/psql", "/usr/pgsql-*/bin/psql"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		for _, path := range paths {
			name := strings.TrimPrefix(filepath.Base(filepath.Dir(filepath.Dir(path))), "pgsql-")
			if v, err := strconv.ParseFloat(name, 64); err == nil && v > version && isProgram(path) {
				best, version = path, v
			}
		}
	}
	for _, path := range []string{"/usr/bin/psql", "/usr/local/bin/psql"} {
		if best == "" && isProgram(path) {
			best = path
		}
	}
	if best == "" {
		return "", fmt.Errorf("psql: %w: install postgresql-client on the gateway", fs.ErrNotExist)
	}
	return filepath.EvalSymlinks(best)
}

// isProgram says whether path is one for the machine, not a script.
func isProgram(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	magic := make([]byte, 4)
	_, err = f.ReadAt(magic, 0)
	return err == nil && string(magic) == "\x7fELF"
}

// PsqlSession is what a psql needs to know.
type PsqlSession struct {
	Database, User string
	Term           string // of the person's terminal
}

// Where psql finds what it needs in its jail.
const (
	psqlSocketDir = "/run/gateway"
	psqlRC        = ".psqlrc"
	psqlHistory   = ".psql_history"
)

// PsqlClient is psql, to be given its arguments, home folder, terminal and uid.
func PsqlClient(program string, s PsqlSession) Client {
	return Client{
		Program: program,
		Socket:  psqlSocketDir + "/.s.PGSQL.5432",
		Keep:    []string{psqlRC, psqlHistory},
		Read: []string{"/lib/terminfo", "/usr/share/terminfo", "/etc/terminfo", "/usr/share/zoneinfo", "/usr/lib/locale/C.utf8",
			"/etc/inputrc"},
		Env: []string{
			"PGHOST=" + psqlSocketDir, "PGPORT=5432", "PGDATABASE=" + s.Database, "PGUSER=" + s.User,
			"HOME=" + jail.ClientHome, "PSQLRC=" + jail.ClientHome + "/" + psqlRC,
			"PSQL_HISTORY=" + jail.ClientHome + "/" + psqlHistory, "PSQL_PAGER=",
			"TERM=" + s.Term, "LANG=C.UTF-8", "TZ=UTC",
		},
	}
}
