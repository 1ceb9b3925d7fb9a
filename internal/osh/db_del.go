package osh

// DBDel is the request of dbDel.
type DBDel struct{ DatabaseName }

func dbDelCommand() *Command {
	return &Command{
		Name:       "dbDel",
		Category:   GroupKeepers,
		MasterOnly: true,
		Summary:    "offer a database no more, and forget its credential",
		Long:       "Its guests lose it too, and live sessions with it end.",
		Examples:   []string{"dbDel --group web --name orders"},
		New:        func() any { return new(DBDel) },
	}
}
