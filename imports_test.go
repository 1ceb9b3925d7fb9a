package gateway_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "gateway"

// mayImport says which packages of this module each package may import, "."
// being the root. It is the architecture as data: a package that is not listed
// and an edge that is not listed fail the test, so that both are a decision.
// "*" is for what puts the pieces together.
var mayImport = map[string][]string{
	".": {},

	"policy":   {"."},
	"recorder": {"."},

	"protocols":              {".", "recorder"},
	"protocols/ssh":          {".", "recorder", "protocols", "internal/tcp", "internal/dialogue"},
	"protocols/telnet":       {".", "recorder", "protocols", "internal/tcp", "internal/dialogue"},
	"protocols/netconf":      {".", "recorder", "protocols", "protocols/ssh"}, // it is spoken inside of SSH
	"protocols/postgres":     {".", "recorder", "protocols", "internal/tcp"},
	"protocols/protocoltest": {".", "recorder", "protocols"},

	// In the session process.
	"internal/ingress": {".", "recorder", "protocols", "internal/control", "internal/session", "internal/osh",
		"internal/tcp"},
	"internal/session": {".", "recorder", "protocols", "protocols/postgres", "internal/control", "internal/ring"},
	"internal/tcp":     {},
	"internal/turns":   {},

	// In the session process; the monitor checks profiles with it.
	"internal/dialogue": {},

	// Between processes, or in several.
	"internal/control": {".", "recorder"},
	"internal/ring":    {".", "recorder"},
	"internal/osh":     {".", "internal/dialogue"},
	"internal/jail":    {},

	// In the recorder.
	"internal/recorderproc": {".", "recorder", "internal/ring"},

	// In the monitor.
	"internal/monitor": {".", "policy", "recorder", "internal/control", "internal/ring", "internal/store",
		"internal/audit", "internal/admin", "internal/osh", "internal/jail", "internal/programs", "internal/turns", "internal/scram", "internal/clients"},
	"internal/scram":           {"."},
	"internal/programs":        {"."},
	"internal/clients":         {"internal/jail"},
	"internal/crypt":           {"."},
	"internal/admin":           {".", "policy", "internal/store", "internal/vault", "internal/osh", "internal/profiles", "internal/crypt", "internal/turns"},
	"internal/store":           {"."},
	"internal/store/sqlite":    {".", "internal/store"},
	"internal/store/storetest": {".", "internal/store"},
	"internal/vault":           {".", "internal/crypt"},
	"internal/audit":           {"."},
	"internal/config":          {"."},
	"internal/profiles":        {".", "internal/dialogue", "configs/profiles"},
	"configs/profiles":         {},

	"cmd/gateway": {"*"},
	"cmd/gateway-session": {".", "protocols", "protocols/ssh", "protocols/telnet", "protocols/netconf", "protocols/postgres", "internal/ingress", "internal/session",
		"internal/jail", "internal/control"},

	"interop-tests": {"interop-tests/pgserver"},
	"interop-tests/bench": {".", "internal/store", "internal/store/sqlite", // to fill a store that commands would fill in an hour
		"interop-tests/pgserver", "protocols", "protocols/postgres", "recorder", "internal/ring", "internal/scram", "internal/tcp"}, // a relay without SSH
	"interop-tests/pgserver":  {},
	"interop-tests/sshtarget": {},
}

// neverReach says what a package may not even reach through others. The
// session process reads what strangers send: what is not linked into it can't
// be used by who takes it over, and costs nothing at its start.
var neverReach = map[string][]string{
	"cmd/gateway-session": {
		module + "/policy", module + "/internal/store", module + "/internal/vault", module + "/internal/admin",
		module + "/internal/monitor", module + "/internal/audit", module + "/internal/config",
		"modernc.org/sqlite", "github.com/pressly/goose", "go.uber.org/zap", "go.yaml.in/yaml", "net/http", "os/exec",
	},
	"policy": {"os", "net", "net/http", "syscall", "golang.org/x/sys/unix"},
	".":      {"os", "net", "net/http", "syscall", "golang.org/x/sys/unix"},
}

func TestImports(t *testing.T) {
	pkgs := packages(t)
	for pkg := range mayImport {
		if _, ok := pkgs[pkg]; !ok {
			t.Errorf("package %s is listed in imports_test.go and gone", pkg)
		}
	}
	for _, pkg := range slices.Sorted(maps.Keys(pkgs)) {
		allowed, listed := mayImport[pkg]
		if !listed {
			t.Errorf("package %s is not listed in imports_test.go", pkg)
			continue
		}
		for _, imp := range slices.Compact(slices.Sorted(slices.Values(pkgs[pkg]))) {
			name, ours := inModule(imp)
			if ours && !slices.Contains(allowed, name) && !slices.Contains(allowed, "*") {
				t.Errorf("%s imports %s: the edge is not listed in imports_test.go", pkg, name)
			}
		}
	}
}

func TestNeverReach(t *testing.T) {
	pkgs := packages(t)
	for from, banned := range neverReach {
		seen := map[string]string{from: ""} // package or import → who imports it
		for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
			for _, imp := range pkgs[queue[0]] {
				for _, b := range banned {
					if imp == b || strings.HasPrefix(imp, b+"/") && strings.Contains(b, ".") {
						t.Errorf("%s reaches %s by way of %s%s", from, imp, queue[0], trail(seen, queue[0]))
					}
				}
				if name, ours := inModule(imp); ours {
					if _, done := seen[name]; !done {
						seen[name] = queue[0]
						queue = append(queue, name)
					}
				}
			}
		}
	}
}

func TestNoInit(t *testing.T) {
	for file, f := range sources(t, 0) {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has an init function: main builds values and passes them", file)
			}
		}
	}
}

// inModule gives the folder of an import path of this module.
func inModule(imp string) (string, bool) {
	if imp == module {
		return ".", true
	}
	return strings.CutPrefix(imp, module+"/")
}

func trail(seen map[string]string, pkg string) string {
	s := ""
	for p := seen[pkg]; p != ""; p = seen[p] {
		s += " of " + p
	}
	return s
}

// packages gives what each folder's code imports, tests left out.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	pkgs := map[string][]string{}
	for file, f := range sources(t, parser.ImportsOnly) {
		dir := path.Dir(file)
		if _, ok := pkgs[dir]; !ok {
			pkgs[dir] = nil
		}
		for _, spec := range f.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			pkgs[dir] = append(pkgs[dir], imp)
		}
	}
	return pkgs
}

// sources parses every file of the module but tests, for every system and tag.
func sources(t *testing.T, mode parser.Mode) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	root := os.DirFS(".")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); base == "third_party" || base == "testdata" || len(base) > 1 && base[0] == '.' {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		src, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, src, mode)
		files[name] = f
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
