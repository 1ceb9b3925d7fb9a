package clients

import "testing"

// BenchmarkStart makes a jail, runs psql in it and waits for its end.
func BenchmarkStart(b *testing.B) {
	program, err := Psql()
	if err != nil {
		b.Skip(err)
	}
	s := New(helper)
	for b.Loop() {
		c := PsqlClient(program, PsqlSession{Term: "xterm"})
		c.Args, c.UID = []string{"--version"}, uid()
		r, err := s.Start(b.Context(), c)
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Wait(); err != nil {
			b.Fatal(err)
		}
		r.CloseFiles()
	}
}
