module \$lut (A, Y);
    parameter WIDTH = 0;
    parameter LUT = 0;
    input [WIDTH-1:0] A;
    output Y;
    generate
        if (WIDTH == 1)
            LUT1 #(.INIT(LUT[1:0])) _TECHMAP_REPLACE_ (.F(Y), .I0(A[0]));
        else if (WIDTH == 2)
            LUT2 #(.INIT(LUT[3:0])) _TECHMAP_REPLACE_ (.F(Y), .I0(A[0]), .I1(A[1]));
        else if (WIDTH == 3)
            LUT3 #(.INIT(LUT[7:0])) _TECHMAP_REPLACE_ (.F(Y), .I0(A[0]), .I1(A[1]), .I2(A[2]));
        else
            LUT4 #(.INIT(LUT[15:0])) _TECHMAP_REPLACE_ (
                .F(Y), .I0(A[0]), .I1(A[1]), .I2(A[2]), .I3(A[3])
            );
    endgenerate
endmodule
