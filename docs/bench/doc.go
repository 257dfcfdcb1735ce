// Command bench measures Copse against the limits that its design sets, and fails when one is exceeded. Run
// `go run ./docs/bench`, or `make bench`; docs/benchmarks.md says how to read what it prints.
//
// A figure is a ratio of two things measured in the same run, or a size in memory, so that it means the same on a slow
// machine as on a fast one. A row is one such figure: to add one, write a function like sealRows in a file of its own
// and name it in rows.
package main
