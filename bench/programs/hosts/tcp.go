//go:build tcp

package main

import _ "github.com/outwork-go/outwork/tcp" // what it imports is what its starts cost: not for the other tables
