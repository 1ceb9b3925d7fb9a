package main

import (
	"context"
	"errors"
	"fmt"

	"gateway/internal/clients"
	"gateway/internal/jail"
)

// psqlFinding says what psql, which people use by --osh db, runs in. Without
// it databases are still reached through forwarded connections.
func psqlFinding(ctx context.Context) finding {
	const what = "jail of psql"
	program, err := clients.Psql()
	if err != nil {
		return finding{what, true, "--osh db is not possible: " + err.Error()}
	}
	helper, err := sessionProgram()
	if err != nil {
		return finding{what, false, err.Error()}
	}
	c := clients.PsqlClient(program, clients.PsqlSession{})
	c.Args, c.UID = []string{"--version"}, jail.FirstUID // nobody's for longer than a moment: as good as any
	r, err := clients.New(helper).Start(ctx, c)
	if errors.Is(err, clients.ErrNoJail) {
		return finding{what, true, fmt.Sprintf("--osh db is not possible: %v", err)} // it is refused, not unprotected
	}
	if err != nil {
		return finding{what, false, err.Error()}
	}
	defer r.CloseFiles()
	if err := r.Wait(); err != nil {
		return finding{what, false, err.Error()}
	}
	return finding{what, true, fmt.Sprintf("%s: own namespaces, no files, network or programs of the host; seccomp; landlock ABI %d",
		program, r.Ready.LandlockABI)}
}
