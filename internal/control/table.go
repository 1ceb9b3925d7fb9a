package control

// Op names one kind of message.
type Op uint16

// The operations a session process may ask of the monitor.
const (
	OpSignHost   Op = 1  // sign an exchange hash with a host key
	OpUserKey    Op = 2  // may this public key log in as that user
	OpProve      Op = 3  // here is the signature; bind this socket to the account
	OpOpen       Op = 4  // open a session to a target, or for a command
	OpSignEgress Op = 5  // sign a login at the target
	OpHostKey    Op = 6  // is this the target's host key
	OpWorked     Op = 7  // the target accepted this key
	OpAllow      Op = 8  // may this operation be relayed
	OpEnd        Op = 9  // the session ended
	OpRun        Op = 10 // run a command of the gateway
	OpComplete   Op = 11 // names for the completion of a command line
	OpAbort      Op = 12 // a command line was refused before anything was opened for it
	OpPassword   Op = 13 // an egress password, for the login at the target
	OpRedial     Op = 14 // another connection with the target, for the next password
	OpForward    Op = 15 // is there a database that a forwarded connection could be for
	OpDial       Op = 16 // one more connection with the database
	OpAnswer     Op = 17 // what proves the database's password to its server
	OpSignTLS    Op = 18 // sign a TLS handshake with the key of the database's client certificate
)

// The operations the monitor asks of the recorder.
const (
	OpCreate   Op = 32 // create a recording and drain its ring
	OpRecover  Op = 33 // drain what is left in the ring of a recording begun earlier
	OpClose    Op = 34 // drain, seal and close
	OpOpenRead Op = 35 // a read-only descriptor of a recording
)

// OpRunLocal runs a command for the owner of the data folder.
const OpRunLocal Op = 40

// LocalTable is what a local client may ask.
func LocalTable() []Row {
	return []Row{{OpRunLocal, "run-local", Authenticated, 1 << 62, large}}
}

// Notifications: no reply.
const (
	OpBoot      Op = 48 // monitor to a new child, always the first message
	OpTerminate Op = 49 // monitor to session: tell the person and end
	OpLock      Op = 52 // monitor to session: lock or unlock
	OpSealed    Op = 50 // recorder to monitor: a recording was sealed
	OpFailed    Op = 51 // recorder to monitor: a recording accepts no more events
)

// Phase is how far a connection came. A socket only ever moves forward.
type Phase uint8

// The phases of a session process's control socket.
const (
	PreAuth       Phase = 1 << iota // nobody is proven
	Authenticated                   // bound to one account
	Refused                         // bound, and the account may do nothing
)

// Row says when, how often and how large an operation may be asked.
type Row struct {
	Op      Op
	Name    string
	Phases  Phase // bit set
	Max     int   // times in the life of the socket
	MaxBody int   // bytes of one message
}

const (
	small  = 8 << 10
	medium = 64 << 10
	large  = 2 << 20 // a command line of 1 MiB in its JSON form
)

// SessionTable is what a session process may ask. What is not in it, is asked
// in another phase or more often ends the session.
func SessionTable() []Row {
	return []Row{
		{OpSignHost, "sign-host", PreAuth | Authenticated | Refused, 1 << 20, small},
		{OpUserKey, "user-key", PreAuth, 32, medium},
		{OpProve, "prove", PreAuth, 8, medium},
		{OpOpen, "open", Authenticated, 1 << 16, large},
		{OpSignEgress, "sign-egress", Authenticated, 1 << 20, medium},
		{OpHostKey, "host-key", Authenticated, 1 << 20, medium},
		{OpWorked, "worked", Authenticated, 1 << 16, small},
		{OpAllow, "allow", Authenticated, 1 << 30, large},
		{OpEnd, "end", Authenticated, 1 << 16, small},
		{OpRun, "run", Authenticated, 1 << 16, large},
		{OpComplete, "complete", Authenticated, 1 << 20, small},
		{OpAbort, "abort", Authenticated, 1 << 16, small},
		{OpPassword, "password", Authenticated, 1 << 16, small},
		{OpRedial, "redial", Authenticated, 1 << 16, small},
		{OpForward, "forward", Authenticated, 1 << 20, small},
		{OpDial, "dial", Authenticated, 1 << 20, small},
		{OpAnswer, "answer", Authenticated, 1 << 20, small},
		{OpSignTLS, "sign-tls", Authenticated, 1 << 20, small},
	}
}

// ProbeTable is what a process that tests a login may ask.
func ProbeTable() []Row {
	return []Row{
		{OpSignEgress, "sign-egress", Authenticated, 64, medium},
		{OpHostKey, "host-key", Authenticated, 8, medium},
		{OpWorked, "worked", Authenticated, 2, small}, // at the jump host, and at the target
		{OpEnd, "end", Authenticated, 1, small},
	}
}

// RecorderTable is what the recorder may tell the monitor.
func RecorderTable() []Row {
	return []Row{
		{OpSealed, "sealed", Authenticated, 1 << 62, small},
		{OpFailed, "failed", Authenticated, 1 << 62, small},
	}
}

// slow reports whether the answer may take long, so that the reader must not
// wait for it. The others are answered one by one, which spares a goroutine
// and its stack for each.
func (op Op) slow() bool {
	switch op {
	case OpProve, OpOpen, OpEnd, OpRun, OpComplete, OpRunLocal, OpCreate, OpRecover, OpOpenRead, OpTerminate, OpPassword, OpRedial, OpDial, OpAnswer, OpSignTLS:
		return true
	}
	return false
}

// Gate counts and admits the messages of one socket by a table.
type Gate struct {
	rows map[Op]*gateRow
}

type gateRow struct {
	Row
	seen int
}

// NewGate makes a Gate with nothing counted. It is not safe for concurrent use.
func NewGate(table []Row) *Gate {
	g := &Gate{rows: make(map[Op]*gateRow, len(table))}
	for _, r := range table {
		g.rows[r.Op] = &gateRow{Row: r}
	}
	return g
}

// Admit counts one message and says whether it is in order. Its error names
// the operation and what was wrong; the caller ends the session.
func (g *Gate) Admit(op Op, phase Phase, size int) error {
	r := g.rows[op]
	switch {
	case r == nil:
		return &ViolationError{Op: op, What: "unknown operation"}
	case r.Phases&phase == 0:
		return &ViolationError{Op: op, Name: r.Name, What: "out of phase"}
	case size > r.MaxBody:
		return &ViolationError{Op: op, Name: r.Name, What: "too large"}
	}
	r.seen++
	if r.seen > r.Max {
		return &ViolationError{Op: op, Name: r.Name, What: "asked too often"}
	}
	return nil
}
