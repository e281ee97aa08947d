// Package host is what a program meets on the way to another machine, user or container: a
// [Hop] is a step of that way, a [Question] is asked on it, an [Error] says where it ended
// and why, and a [Report] what there is at its end. Hosts are reached by package outwork:
// see outwork.Target and outwork.Manager.
package host
