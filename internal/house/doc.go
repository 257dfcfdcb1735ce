// Package house checks the rules of style of this repository. Run `go test ./internal/house`; there is nothing to import.
//
// Its tests read the source of every package and check the imports, the sizes of files and functions, what engine packages
// may not do, that every exported name is documented, and the words used. Each rule is also tried on a snippet that breaks
// it, so that a rule that has stopped working is noticed. An exception has a reason, written in exceptions_test.go, and must
// still be needed.
package house
