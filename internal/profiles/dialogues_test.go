package profiles_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"gateway/internal/dialogue"
	"gateway/internal/profiles"
)

// stored returns the dialogues by file name.
func stored(t testing.TB) map[string]string {
	t.Helper()
	files, err := filepath.Glob("testdata/dialogues/*/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no dialogues", err)
	}
	all := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[f] = string(b)
	}
	return all
}

func profilesOf(t testing.TB, name string) *dialogue.Profiles {
	t.Helper()
	s, err := profiles.Load(fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := s.Lease(name)
	if err != nil {
		t.Fatal(err)
	}
	p, err := dialogue.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestDialogues plays every stored dialogue with the profile that its folder or
// its first line names, and with the one that is found out.
func TestDialogues(t *testing.T) {
	t.Parallel()
	for file, text := range stored(t) {
		name := filepath.Base(filepath.Dir(file))
		if name == "hostile" {
			first, _, _ := strings.Cut(text, "\n")
			name = strings.TrimPrefix(first, "# ")
		}
		for _, named := range []string{name, ""} {
			t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file)+"/"+named, func(t *testing.T) {
				happened, ok, err := dialogue.Rehearse(profilesOf(t, named), text)
				if err != nil {
					t.Fatal(err)
				}
				for _, h := range happened {
					if strings.Contains(h.Text, "Pa55+word") {
						t.Errorf("line %d: the password is shown: %q", h.Line, h.Text)
					}
				}
				if !ok {
					for _, h := range happened {
						t.Logf("%3d %-8s %q", h.Line, h.Kind, h.Text)
					}
					t.Error("the dialogue went another way")
				}
			})
		}
	}
}

// TestEveryProfileHasDialogues wants a success and a failure of each.
func TestEveryProfileHasDialogues(t *testing.T) {
	s, err := profiles.Load(fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	all := stored(t)
	for _, name := range s.Names() {
		for _, kind := range []string{"success", "failure"} {
			if _, ok := all["testdata/dialogues/"+name+"/"+kind+".txt"]; !ok {
				t.Errorf("profile %s has no stored dialogue %s.txt", name, kind)
			}
		}
	}
}

// TestDocumentation plays the example of docs/profiles.md.
func TestDocumentation(t *testing.T) {
	doc, err := os.ReadFile("../../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string) string {
		_, rest, _ := strings.Cut(string(doc), "```"+kind+"\n")
		text, _, ok := strings.Cut(rest, "```\n")
		if !ok {
			t.Fatalf("docs/profiles.md has no block of %s", kind)
		}
		return text
	}
	s, err := profiles.Load(fstest.MapFS{"powerstrip.yaml": {Data: []byte(block("yaml"))}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"powerstrip", ""} {
		text, _, err := s.Lease(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := dialogue.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		happened, ok, err := dialogue.Rehearse(p, block("text"))
		if err != nil || !ok {
			t.Errorf("profile %q: %v %v", name, happened, err)
		}
	}
}
