// Package harden takes from the process what it doesn't need, before it holds a
// secret: other programs of the same user can't read its memory, a crash leaves
// no core file, and files are made for the owner alone ([Begin]); and where the
// kernel has Landlock, it writes nowhere but where it has to ([Confine]).
//
// None of it is a wall against root, or against a program that can have this
// one started anew under its eyes.
package harden
