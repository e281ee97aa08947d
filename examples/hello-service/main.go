// Hello is the smallest service. As hellod, or with the word daemon, it is the
// daemon; otherwise the command: "hello World!" prints "Hello World!".
package main

import "github.com/outwork-go/outwork/service"

func main() { service.Main(hello) }
