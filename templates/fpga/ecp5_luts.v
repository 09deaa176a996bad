module \$lut (A, Y);
    parameter WIDTH = 0;
    parameter LUT = 0;
    input [WIDTH-1:0] A;
    output Y;
    localparam [15:0] TABLE = WIDTH == 1 ? {8{LUT[1:0]}} : WIDTH == 2 ? {4{LUT[3:0]}} :
                              WIDTH == 3 ? {2{LUT[7:0]}} : LUT[15:0];
    wire [3:0] padded = A;
    LUT4 #(.INIT(TABLE)) _TECHMAP_REPLACE_ (
        .Z(Y), .A(padded[0]), .B(padded[1]), .C(padded[2]), .D(padded[3])
    );
endmodule
