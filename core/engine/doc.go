// Package engine is the client of the engine process: it starts `kakoi-engine` when a model is first needed, speaks
// gRPC with it over an inherited socketpair, and keeps it alive.
//
// The engine process may die (a driver fault, the out-of-memory killer, a bug in native code); this process does not.
// The call that was running fails with core.ErrEngine, the way the process ended and its last words. The next call
// starts a new engine, at most three times a minute, and loads the models again: the core.Generator, core.Embedder and core.Reranker
// handed out stay valid until they are closed. A call that was cancelled and yet occupies the engine for another
// minute counts as a hang and ends the engine.
//
// A generator is a core.Trainer too: the engine trains on the weights it holds and answers meanwhile. The end of the call's ctx finishes
// the step and saves it. A training that a crash ended goes on from its last checkpoint when its owner calls Train again.
//
// A request of a generator may ask how likely a refusal is as its answer, and have that decide (core.Refusal): the reply then has the
// probability, and either the refusal's text or an answer that does not begin with it. The sentence's decisive tokens are scored in one step
// behind the prompt, whose keys and values are there already. What a bound is, and how it is found, the engine does not know: package calibrate.
//
// The engine ends when this process does, even by kill -9: the kernel closes the socketpair, and the parent-death
// signal is set as well.
//
// Owners: whoever called Start closes the Client; whoever loaded a model closes it. Closing the Client ends the
// engine and with it all models.
//
// Package enginepb is the schema, package server the service.
package engine
