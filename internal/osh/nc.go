package osh

// NC is the request of nc.
type NC struct {
	Host    string `opt:"host,h" arg:"HOST" pos:"true" required:"true" complete:"host" help:"the host"`
	Port    string `opt:"port,p" arg:"PORT" pos:"true" required:"true" help:"the port"`
	Timeout int    `opt:"w,timeout" arg:"SECONDS" help:"how long to wait, 3 if not given"`
}

// NCValue is the value of nc. Result is open, closed or unknown.
type NCValue struct {
	Host   string `json:"host"`
	Port   int    `json:"port"`
	Result string `json:"result"`
}

func ncCommand() *Command {
	return &Command{
		Name:     "nc",
		Category: Open,
		Summary:  "is a TCP port open, seen from the gateway",
		Examples: []string{"nc 192.0.2.7 22"},
		New:      func() any { return new(NC) },
	}
}
