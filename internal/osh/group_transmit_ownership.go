package osh

func groupTransmitOwnershipCommand() *Command {
	return roleCommand("groupTransmitOwnership", GroupOwner, nil, "make another account owner in your place",
		"In one step: the account becomes owner for good, and you are it no more. Your other roles in the\n"+
			"group stay.")
}
