package osh

import "context"

func interact(ctx context.Context, env *Env) int { return 0 }
