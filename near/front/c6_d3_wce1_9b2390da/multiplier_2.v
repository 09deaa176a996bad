`default_nettype none

// multiplier_2: combinational, made by machine.
// generator: btfsynth 0.1.0
// exact circuit: multiplier:2, 8 cells, depth 3
// size: 6 cells, depth 3
// error: wce 1, mae 0.25, mse 0.25, ep 0.25, mre 0.111111, wcre 1
// cells: 6 (AND 5, OR 1, MAJ 0), inverters: 1, depth: 3
module multiplier_2 (
    input wire [1:0] a,
    input wire [1:0] b,
    output wire [3:0] p
);
    wire n1, n2, n3, n4, n5, n6;

    assign n1 = a[0] & b[1];
    assign n2 = a[1] & b[0];
    assign n3 = a[1] & b[1];
    assign n4 = n1 & n2;
    assign n5 = n1 | n2;
    assign n6 = n3 & ~n4;

    assign p[0] = 1'b0;
    assign p[1] = n5;
    assign p[2] = n6;
    assign p[3] = n4;
endmodule

`default_nettype wire
