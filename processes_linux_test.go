package outwork_test

const processes = true
