package admin

// handlers gives for each command what executes it.
func handlers() map[string]handler {
	return map[string]handler{
		"groupCreate":           handle(groupCreate),
		"help":                  handle(help),
		"info":                  handle(info),
		"selfAddPersonalAccess": handle(selfAddPersonalAccess),
	}
}
