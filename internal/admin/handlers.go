package admin

// handlers gives for each command what executes it.
func handlers() map[string]handler {
	return map[string]handler{
		"alive":                 handle(alive),
		"groupCreate":           handle(groupCreate),
		"help":                  handle(help),
		"info":                  handle(info),
		"nc":                    handle(nc),
		"ping":                  handle(ping),
		"selfAddIngressKey":     handle(selfAddIngressKey),
		"selfAddPersonalAccess": handle(selfAddPersonalAccess),
		"selfDelIngressKey":     handle(selfDelIngressKey),
		"selfDelPersonalAccess": handle(selfDelPersonalAccess),
		"selfForgetHostKey":     handle(selfForgetHostKey),
		"selfListAccesses":      handle(selfListAccesses),
		"selfListEgressKeys":    handle(selfListEgressKeys),
		"selfListIngressKeys":   handle(selfListIngressKeys),
		"selfListSessions":      handle(selfListSessions),
		"selfPlaySession":       handle(selfPlaySession),
	}
}
