package sqlite

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
)

// AccountNames reads the names of the accounts in the database at path, also
// while a gateway has it open, and changes nothing.
func AccountNames(ctx context.Context, path string) ([]string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(abs); err != nil { // it would be made
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn(abs, "busy_timeout(5000)", "query_only(1)"))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, "SELECT name FROM account ORDER BY name")
	if err != nil {
		return nil, wrap("read accounts", err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, wrap("read accounts", err)
		}
		names = append(names, name)
	}
	return names, wrap("read accounts", rows.Err())
}
