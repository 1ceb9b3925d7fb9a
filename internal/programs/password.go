package programs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gateway"
)

// passwordTimeout is how long a program may take to give a password: somebody
// waits for a connection.
const passwordTimeout = 5 * time.Second

// maxPassword is more than any server takes, in bytes.
const maxPassword = 1024

// PasswordQuestion is what a program is told that gives a password, as one line
// of JSON.
type PasswordQuestion struct {
	Name     string            `json:"name"` // that the gateway offers the database by
	Host     string            `json:"host"`
	Port     uint16            `json:"port"`
	Database string            `json:"database"` // at the server
	User     string            `json:"user"`     // login there
	Account  string            `json:"account"`  // who is about to log in
	Session  gateway.SessionID `json:"session"`
}

// Password asks program for a password: the first line that it writes. Its
// argument is hook. Nothing that it writes is in an error.
func (r *Runner) Password(ctx context.Context, program, hook string, q PasswordQuestion) (gateway.Secret, error) {
	input, err := json.Marshal(q)
	if err != nil {
		return gateway.Secret{}, fmt.Errorf("ask for a password: %w", err)
	}
	e, err := r.run(ctx, question{program: program, arg: hook, input: append(input, '\n'), timeout: passwordTimeout, secret: true})
	defer clear(e.stdout)
	if err != nil {
		return gateway.Secret{}, fmt.Errorf("databasePasswordProgram: %w", err)
	}
	line, _, _ := bytes.Cut(e.stdout, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	switch {
	case e.code != 0:
		return gateway.Secret{}, fmt.Errorf("databasePasswordProgram: exit status %d: %w", e.code, gateway.ErrUnavailable)
	case len(line) == 0 || len(line) > maxPassword || bytes.IndexByte(line, 0) >= 0:
		return gateway.Secret{}, fmt.Errorf("databasePasswordProgram: its first line is no password: %w", gateway.ErrUnavailable)
	}
	return gateway.NewSecret(bytes.Clone(line)), nil
}
