// Package command makes the command of a service from its description:
// subcommands of the functions, flags and arguments of their fields, help,
// completion and man pages. What calls have in common with other commands that
// call a service is in package shell.
package command
