package control

import "gateway"

// What is said about sessions with databases.

// Client is a program of the node's that is run in a jail for one session.
type Client struct {
	Args     []string `json:"args,omitempty"`
	Terminal bool     `json:"terminal,omitempty"` // it gets one, and three pipes otherwise
}

// Database is what a session may know of its database.
type Database struct {
	Name          string          `json:"name"`
	Database      string          `json:"database"`
	User          string          `json:"user"`
	Role          string          `json:"role,omitempty"`
	TLS           gateway.TLSMode `json:"tls,omitempty"`
	Host          string          `json:"host"`
	Roots         string          `json:"roots,omitempty"`          // PEM
	Certificate   string          `json:"certificate,omitempty"`    // PEM; its key signs by OpSignTLS
	Password      bool            `json:"password,omitempty"`       // there is one: OpAnswer
	ClearPassword bool            `json:"clear_password,omitempty"` // and OpPassword
	gateway.DatabaseLimits
	Parameters gateway.ParameterRecording `json:"parameters,omitempty"`
	Results    int                        `json:"results,omitempty"`
	Way        string                     `json:"way"` // "group-member:web"
}

// Forward asks whether the account could use a database that a person calls Host.
type Forward struct {
	Host string `json:"host"`
	Port uint16 `json:"port"`
}

// ForwardReply answers Forward.
type ForwardReply struct {
	OK bool `json:"ok"`
}

// Dial asks for one more connection with a session's database. The answer has
// no body; the descriptor comes with it.
type Dial struct {
	Session gateway.SessionID `json:"session"`
}

// Answer asks for what protocols.DatabaseChallenge says; a
// protocols.DatabaseAnswer answers it. Each connection may ask once.
type Answer struct {
	Session     gateway.SessionID `json:"session"`
	Salt        []byte            `json:"salt"`
	Iterations  int               `json:"iterations,omitempty"`
	AuthMessage []byte            `json:"auth_message,omitempty"`
}

// AnswerReply answers Answer.
type AnswerReply struct {
	Proof           []byte `json:"proof"`
	ServerSignature []byte `json:"server_signature,omitempty"`
}

// SignTLS asks for a signature with the key of a session's client certificate,
// for one handshake: Digest as crypto.Signer takes it, Hash and PSS its options.
type SignTLS struct {
	Session gateway.SessionID `json:"session"`
	Digest  []byte            `json:"digest"`
	Hash    uint              `json:"hash"` // crypto.Hash; 0: the digest is the message
	PSS     bool              `json:"pss,omitempty"`
}
