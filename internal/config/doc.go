// Package config reads YAML files strictly and says all that is wrong with
// them at once, each with its file and line.
//
// A file is decoded onto a struct that already holds the defaults: a key that
// the struct does not have is a mistake (with the nearest right one named), so
// is a value of the wrong type, and so is whatever the struct's own
// Check method finds. The field comments of the structs are the manual; the
// files that `vision init` writes carry the same words.
//
// Secrets are never values in a file: a file names the file that holds one.
package config
