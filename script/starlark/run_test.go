package starlark

import "testing"

func TestSmoke(t *testing.T) {
	v, err := Run(t.Context(), Host{}, Script{Name: "x.star", Source: []byte("def main(*a):\n  return [1, 'x'*3, '{}{}'.format(1,2), '%d' % 3, ','.join(['a','b'])]\n")}, Limits{})
	t.Log(v, err)
	_, err = Run(t.Context(), Host{}, Script{Name: "x.star", Source: []byte("def f(n):\n  return f(n+1)\n\ndef main():\n  f(0)\n")}, Limits{})
	t.Log(err.(*Error).Traceback)
}
